"""Digests of weights, rows and runs: which run a checkpoint belongs to, which scores are of which model."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch
from torch import nn

from blur_pipeline.training.examples import Examples

if TYPE_CHECKING:
    from hashlib import _Hash

    from blur_pipeline.training.loop import Run


def fingerprint(model: nn.Module, run: Run) -> str:
    """A digest of everything that decides a training's outcome: the weights it starts from, the method, the
    schedule, when it stops, the seed, the precision and the data. In how many processes or micro-batches it is
    computed and how often it is checkpointed does not matter."""
    digest = hashlib.sha256()
    for part in (run.recipe, run.schedule, run.stopping):
        digest.update(part.model_dump_json().encode())
    digest.update(json.dumps([run.seed, run.engine.numerics()]).encode())
    for examples in (run.retain, run.forget):
        if examples is not None:
            digest_examples(digest, examples)
    digest_weights(digest, model)
    return digest.hexdigest()


def digest_examples(digest: _Hash, examples: Examples) -> None:
    """Tokens, labels and topics."""
    for ids, labels in zip(examples.input_ids, examples.labels, strict=True):
        digest.update(ids.tobytes() + labels.tobytes())
    digest.update(examples.topics.tobytes())


def digest_weights(digest: _Hash, model: nn.Module) -> None:
    """Names, shapes and two sums of each weight.

    Sums, not bytes: any weight's change shows in them, and a model of many gigabytes takes a second. The second
    sum, of squares, tells weights apart whose changes cancel.
    """
    for name, weight in model.state_dict().items():
        flat = weight.flatten().float()
        sums = (float(flat.sum()), float(torch.dot(flat, flat)))
        digest.update(repr((name, tuple(weight.shape), sums)).encode())
