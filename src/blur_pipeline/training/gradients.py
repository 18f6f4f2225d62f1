"""Two gradients become one direction: reduce, inner products, combine in place, clip."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from blur_pipeline.methods.weighting import Gram

Gradient = list[Tensor | None]
"""One tensor per trainable parameter; None where the loss did not reach it."""


def take_gradient(parameters: Sequence[Tensor]) -> Gradient:
    """Move ``.grad`` out of the parameters, summed over ranks."""
    gradient: Gradient = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    if dist.is_initialized():
        # A rank whose share of the step is empty has no gradient, yet must take part in every reduction.
        for i, parameter in enumerate(parameters):
            gradient[i] = torch.zeros_like(parameter) if gradient[i] is None else gradient[i]
            dist.all_reduce(gradient[i])
    return gradient


def gram_matrix(forget: Gradient, retain: Gradient, device: torch.device) -> Gram:
    """⟨f,f⟩, ⟨f,r⟩, ⟨r,r⟩ over all parameters, float32; a missing gradient counts as zero."""
    return Gram(_inner(forget, forget, device), _inner(forget, retain, device), _inner(retain, retain, device))


def _inner(left: Gradient, right: Gradient, device: torch.device) -> Tensor:
    parts = [
        torch.dot(a.flatten().float(), b.flatten().float())
        for a, b in zip(left, right, strict=True)
        if a is not None and b is not None
    ]
    if not parts:
        return torch.zeros((), device=device)
    return torch.stack(parts).double().sum().float()


def combine_(parameters: Sequence[Tensor], forget: Gradient, retain: Gradient, weights: tuple[Tensor, Tensor]) -> None:
    """Put w_f·f + w_r·r into ``.grad``, overwriting the retain gradient: no third copy exists."""
    w_forget, w_retain = weights
    present = [g for g in forget if g is not None]
    if present:
        torch._foreach_mul_(present, w_forget)
    present = [g for g in retain if g is not None]
    if present:
        torch._foreach_mul_(present, w_retain)
    both = [(r, f) for r, f in zip(retain, forget, strict=True) if r is not None and f is not None]
    if both:
        torch._foreach_add_([r for r, _ in both], [f for _, f in both])
    for parameter, f, r in zip(parameters, forget, retain, strict=True):
        parameter.grad = r if r is not None else f


def clip_(parameters: Sequence[Tensor], max_norm: float | None) -> Tensor:
    """Clip the combined direction in place; return its norm before clipping."""
    limit = float("inf") if max_norm is None else max_norm
    return torch.nn.utils.clip_grad_norm_(parameters, limit)
