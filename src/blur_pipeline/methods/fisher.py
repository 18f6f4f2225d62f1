"""How much each weight matters for a set."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from blur_pipeline.methods.scopes.choice import Look


def fisher(look: Look, name: str, weights: list[Tensor], singly: bool) -> tuple[list[Tensor], int]:
    """The diagonal Fisher information, and the set's supervised tokens: squares of gradients of mean NLLs, of single
    sequences or of batches, each by its share of those tokens."""
    import torch

    total, tokens = [torch.zeros_like(w, requires_grad=False) for w in weights], 0
    for gradient, count in look.gradients(name, weights, singly):
        for information, part in zip(total, gradient, strict=True):
            information.addcmul_(part, part, value=1 / max(count, 1))
        tokens += count
    return [information / max(tokens, 1) for information in total], tokens
