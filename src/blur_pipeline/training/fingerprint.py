"""Which run a checkpoint belongs to."""

from __future__ import annotations

import hashlib
import json

from torch import nn

from blur_pipeline.training.loop import Run


def fingerprint(model: nn.Module, run: Run) -> str:
    """A digest of everything that decides a training's outcome: the weights it starts from, the method, the
    schedule, when it stops, the seed, the precision and the data. In how many processes or micro-batches it is
    computed and how often it is checkpointed does not matter."""
    digest = hashlib.sha256()
    for part in (run.recipe, run.schedule, run.stopping):
        digest.update(part.model_dump_json().encode())
    digest.update(json.dumps([run.seed, run.engine.numerics()]).encode())
    for part in (run.retain, run.forget):
        for ids, labels in zip(part.input_ids, part.labels, strict=True) if part else ():
            digest.update(ids.tobytes() + labels.tobytes())
        digest.update(part.topics.tobytes() if part else b"")
    for name, weight in model.state_dict().items():
        digest.update(name.encode())
        # Sums, not bytes: of any weight's change this notices, and a model of many gigabytes takes a second.
        digest.update(repr((tuple(weight.shape), float(weight.float().sum()))).encode())
    return digest.hexdigest()
