"""The gradient of a whole set."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from blur_pipeline.methods.scopes.choice import Look


def mean_gradient(look: Look, name: str, parameters: list[Tensor]) -> list[Tensor]:
    """Of the mean NLL of a set's supervised tokens."""
    import torch

    total, tokens = [torch.zeros_like(p, requires_grad=False) for p in parameters], 0
    for gradient, count in look.gradients(name, parameters):
        torch._foreach_add_(total, gradient)
        tokens += count
    torch._foreach_div_(total, max(tokens, 1))
    return total
