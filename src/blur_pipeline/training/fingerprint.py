"""A digest of a run: which run a checkpoint belongs to."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from torch import nn

from blur_pipeline.models.digests import digest_examples, digest_weights

if TYPE_CHECKING:
    from blur_pipeline.training.loop import Run


def fingerprint(model: nn.Module, run: Run) -> str:
    """A digest of everything that decides a training's outcome: the weights it starts from, the method, the
    schedule, when it stops, the seed, the precision and the data. In how many processes or micro-batches it is
    computed and how often it is checkpointed does not matter."""
    digest = hashlib.sha256()
    for part in (run.recipe, run.schedule, run.stopping):
        digest.update(part.model_dump_json().encode())
    digest.update(json.dumps([run.seed, run.engine.numerics()]).encode())
    for name, examples in sorted(run.sets.items()):
        digest.update(name.encode())
        digest_examples(digest, examples)
    digest_weights(digest, model)
    return digest.hexdigest()
