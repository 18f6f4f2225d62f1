"""Digests of weights and rows: which scores are of which model."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch
from torch import nn

from blur_pipeline.models.examples import Examples

if TYPE_CHECKING:
    from hashlib import _Hash


def digest_examples(digest: _Hash, examples: Examples) -> None:
    """Tokens, labels and topics, and those of the companions."""
    for ids, labels in zip(examples.input_ids, examples.labels, strict=True):
        digest.update(ids.tobytes() + labels.tobytes())
    digest.update(examples.topics.tobytes())
    for name, beside in examples.companions.items():
        digest.update(name.encode())
        digest_examples(digest, beside)


def digest_weights(digest: _Hash, model: nn.Module) -> None:
    """Names, shapes, dtypes and all bytes of each weight, buffers that are saved included.

    Bytes, not sums: two rows exchanged have the same sums. A model of 1 GB takes about half a second.
    """
    for name, weight in model.state_dict().items():
        digest.update(repr((name, tuple(weight.shape), str(weight.dtype))).encode())
        flat = weight.detach().cpu().contiguous().flatten()
        digest.update(memoryview(flat.view(torch.uint8).numpy()))


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of ``digest_weights``, hexadecimal."""
    digest = hashlib.sha256()
    digest_weights(digest, model)
    return digest.hexdigest()
