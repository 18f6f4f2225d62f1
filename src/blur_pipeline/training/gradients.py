"""Two gradients become one direction: reduce, inner products, combine in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

import torch
import torch.distributed as dist
from torch import Tensor

from blur_pipeline.methods.weighting import Gram
from blur_pipeline.training.workers import world

Gradient = list[Tensor | None]
"""One tensor per trainable parameter; None where the loss did not reach it."""


def expect_parts(parameters: Iterable[Tensor], parts: int) -> None:
    """Before a backward pass: ``.grad`` of bfloat16 parameters becomes float32 where it is a sum of several parts,
    of micro-batches or ranks; each addition would round otherwise. A single part costs no more than its own bytes.

    Raises:
        RuntimeError: a gradient of the other type is there already (torch's own).
    """
    for parameter in parameters:
        if parameter.requires_grad and parameter.dtype == torch.bfloat16:
            parameter.grad_dtype = torch.float32 if parts > 1 else parameter.dtype


def take_gradient(parameters: Sequence[Tensor], sharded: bool = False, buffer: torch.dtype | None = None) -> Gradient:
    """Move ``.grad`` out of the parameters, summed over ranks (FSDP2 has summed it already), as ``buffer``."""
    gradient: Gradient = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    if world.size() > 1 and not sharded:
        world.sum_over_ranks_([part for part in gradient if part is not None])  # the same ones on every rank
    if buffer is not None:
        for i, part in enumerate(gradient):
            gradient[i] = None if part is None else part.to(buffer)
    return gradient


def gram_matrix(
    forget: Gradient,
    retain: Gradient,
    device: torch.device,
    blocks: Sequence[int] | None = None,
    metric: Iterable[Tensor] | None = None,
    sharded: bool = False,
) -> Gram:
    """⟨f,f⟩, ⟨f,r⟩, ⟨r,r⟩ over all parameters, float32 scalars; a missing gradient counts as zero.

    With ``blocks``, the block of each parameter, three ``(blocks,)`` vectors instead. With ``metric``, one tensor
    of positive numbers M per parameter, ⟨a,b⟩ = Σ a·b/M.
    """
    count = 1 + max(blocks) if blocks else 1
    products = torch.zeros(3, count, dtype=torch.float64, device=device)
    for i, (f, r, scale) in enumerate(zip_longest(forget, retain, metric or ())):
        block = blocks[i] if blocks else 0
        for entry, left, right in ((0, f, f), (1, f, r), (2, r, r)):
            if left is not None and right is not None:
                products[entry, block] += _inner(left, right, scale)
    if sharded:
        dist.all_reduce(products)
    return Gram(*(p if blocks else p[0] for p in products.float()))


def _inner(left: Tensor, right: Tensor, scale: Tensor | None) -> Tensor:
    a, b = world.local(left).flatten().float(), world.local(right).flatten().float()
    return torch.dot(a if scale is None else a / world.local(scale).flatten(), b)


def direction_norm(gram: Gram, weights: tuple[Tensor, Tensor]) -> Tensor:
    """‖w_f·f + w_r·r‖ from the inner products alone, summed over blocks: no pass over the gradients."""
    w_f, w_r = (w.double() for w in weights)
    square = w_f * w_f * gram.ff + 2 * w_f * w_r * gram.fr + w_r * w_r * gram.rr
    return square.sum().clamp_min(0).sqrt().float()


def clip(weights: tuple[Tensor, Tensor], norm: Tensor, max_norm: float | None) -> tuple[Tensor, Tensor]:
    """The weights of the same direction, shortened where ``norm``, that of the combination, exceeds ``max_norm``."""
    if max_norm is None:
        return weights
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return weights[0] * factor, weights[1] * factor


def combine_(
    moved: Sequence[Tensor],
    forget: Gradient,
    retain: Gradient,
    weights: tuple[Tensor, Tensor],
    blocks: Sequence[int] | None = None,
) -> None:
    """Put w_f·f + w_r·r into ``.grad`` of what the optimizer moves, in the retain gradient's own memory.

    Both lists are emptied as they are read, so that no third copy of a gradient exists.
    """
    for i, target in enumerate(moved):
        f, r, forget[i], retain[i] = forget[i], retain[i], None, None
        w_f, w_r = (w[blocks[i]] if blocks else w for w in weights)
        if r is None and f is None:
            continue
        kept, weight = (f, w_f) if r is None else (r, w_r)
        if kept.dtype != target.dtype:
            kept = kept.to(target.dtype)
        direction = world.local(kept).mul_(weight)
        if r is not None and f is not None:
            direction.addcmul_(world.local(f).to(direction.dtype), w_f)
        target.grad = kept
