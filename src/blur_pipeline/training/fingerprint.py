"""A digest of a run: which run a checkpoint belongs to."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from torch import nn

from blur_pipeline.models.digests import digest_examples, weights_digest

if TYPE_CHECKING:
    from blur_pipeline.training.loop import Run

RECIPE = ("the method", "the schedule", "when it stops", "the seed", "the precision")
"""The parts of a fingerprint that stand in the parameters; the others are content: sets and weights."""


def parts_of(model: nn.Module, run: Run) -> dict[str, str]:
    """A digest of each thing that decides a training's outcome, by what it is. In how many processes or micro-batches
    it is computed and how often it is checkpointed does not matter."""
    chosen = [run.recipe, run.schedule, run.stopping]
    texts = [*(part.model_dump_json() for part in chosen), str(run.seed), json.dumps(run.engine.numerics())]
    found = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in zip(RECIPE, texts, strict=True)}
    for name, examples in sorted(run.sets.items()):
        digest = hashlib.sha256()
        digest_examples(digest, examples)
        found[f"the {name} set"] = digest.hexdigest()
    return found | {"the weights it begins from": weights_digest(model)}


def fingerprint(parts: dict[str, str]) -> str:
    """One digest over them all."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
