"""Which run a checkpoint belongs to."""

from __future__ import annotations

import hashlib

from torch import nn

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.examples import Examples
from blur_pipeline.training.schedule import Schedule


def fingerprint(model: nn.Module, recipe: Recipe, schedule: Schedule, seed: int, *examples: Examples | None) -> str:
    """A digest of everything that decides a training's outcome: the weights it starts from, the method, the
    schedule, the seed and the data. How often it is checkpointed does not matter and is left out."""
    digest = hashlib.sha256()
    digest.update(recipe.model_dump_json().encode())
    digest.update(schedule.model_dump_json(exclude={"checkpoint_every"}).encode())
    digest.update(str(seed).encode())
    for part in examples:
        for ids, labels in zip(part.input_ids, part.labels, strict=True) if part else ():
            digest.update(ids.tobytes() + labels.tobytes())
    for name, weight in model.state_dict().items():
        digest.update(name.encode())
        # Sums, not bytes: of any weight's change this notices, and a model of many gigabytes takes a second.
        digest.update(repr((tuple(weight.shape), float(weight.float().sum()))).encode())
    return digest.hexdigest()
