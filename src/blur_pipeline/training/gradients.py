"""Two gradients become one direction: reduce, inner products, combine in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor

from blur_pipeline.training import fused
from blur_pipeline.training.workers import world

Gradient = list[Tensor | None]
"""One tensor per trainable parameter; None where the loss did not reach it."""
PIECE = 2**13
"""Of so many numbers the CPU's dot product is right to 1e-5, of equal ones, the worst, too. It adds one by one: of 2²⁴,
a small model's embedding, a two-thousandth of ‖f‖² is lost, and with it what makes BLUR descend."""
GPU_PIECE = 2**26
"""A GPU adds as a tree, and right at any length; a piece is what is in float32 at once, 256 MiB of each factor."""


def expect_parts(parameters: Iterable[Tensor], parts: int) -> None:
    """Before a backward pass: ``.grad`` of bfloat16 parameters becomes float32 where it is a sum of several parts,
    of micro-batches or ranks; each addition would round otherwise. A single part costs no more than its own bytes.

    Raises:
        RuntimeError: a gradient of the other type is there already (torch's own).
    """
    for parameter in parameters:
        if parameter.requires_grad and parameter.dtype == torch.bfloat16:
            parameter.grad_dtype = torch.float32 if parts > 1 else parameter.dtype


def take_gradient(parameters: Sequence[Tensor], sharded: bool = False) -> Gradient:
    """Move ``.grad`` out of the parameters, summed over ranks (FSDP2 has summed it already)."""
    gradient: Gradient = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    if world.size() > 1 and not sharded:
        world.sum_over_ranks_([part for part in gradient if part is not None])  # the same ones on every rank
    return gradient


def put_away_(gradient: Gradient, where: Literal["full", "bf16", "host"]) -> None:
    """A gradient that waits: rounded to bfloat16, or in pinned host memory, a shard's own part alone."""
    for i, part in enumerate(gradient):
        if part is not None and where == "bf16":
            gradient[i] = part.to(torch.bfloat16)
        elif part is not None and where == "host":
            own = world.local(part)
            waiting = torch.empty(own.shape, dtype=own.dtype, pin_memory=own.is_cuda)
            gradient[i] = waiting.copy_(own, non_blocking=True)


def gram_matrix(vectors: Sequence[Gradient], device: torch.device, sharded: bool = False) -> Tensor:
    """``(k, k)`` float64: inner products over all parameters and shards; a missing gradient counts as zero."""
    k = len(vectors)
    found: dict[tuple[int, int], list[Tensor]] = {pair: [] for pair in combinations_with_replacement(range(k), 2)}
    at_once: list[Tensor] = []  # (pairs,) each, of what is read in one pass
    for whole in zip(*vectors, strict=True):
        parts = [None if part is None else world.local(part).to(device, non_blocking=True) for part in whole]
        if all(part is not None for part in parts) and fused.fits(*parts):
            pieces = zip(*(part.flatten().split(GPU_PIECE) for part in parts), strict=True)
            at_once += map(fused.products, pieces)
            continue
        for (i, j), products in found.items():
            if parts[i] is not None and parts[j] is not None:
                # A GPU is handed thousands of tensors a step: it adds up at the end, all at once.
                products += _dots(parts[i], parts[j]) if device.type == "cuda" else [inner(parts[i], parts[j])]
    products = torch.zeros(k, k, dtype=torch.float64, device=device)
    for pair, several in found.items():
        if several:
            products[pair] = torch.stack(several).double().sum()
    if at_once:
        for pair, product in zip(found, torch.stack(at_once).double().sum(0), strict=True):
            products[pair] += product
    if sharded:
        dist.all_reduce(products)
    return products + products.triu(1).T


def inner(left: Tensor, right: Tensor) -> Tensor:
    """⟨left, right⟩ of what this process holds of them: float64, of pieces in float32."""
    return torch.stack(_dots(left, right)).double().sum()


def _dots(left: Tensor, right: Tensor) -> list[Tensor]:
    left, right = world.local(left).flatten(), world.local(right).flatten()
    size = GPU_PIECE if left.is_cuda else PIECE
    pieces = zip(left.split(size), right.split(size), strict=True)
    return [torch.dot(x.float(), y.float()) for x, y in pieces]


def direction_norm(gram: Tensor, weights: Tensor) -> Tensor:
    """‖Σ w_i·v_i‖ = √(wᵀGw) from the inner products alone: no pass over the gradients."""
    w = weights.double()
    return (w @ gram.double() @ w).clamp_min(0).sqrt().float()


def clip(weights: Tensor, norm: Tensor, max_norm: float | None) -> Tensor:
    """The weights of the same direction, shortened where ``norm``, that of the combination, exceeds ``max_norm``."""
    if max_norm is None:
        return weights
    return weights * (max_norm / (norm + 1e-6)).clamp(max=1.0)


def _lies_there(part: Tensor, target: Tensor) -> bool:
    """Not on the host while the weights are on a GPU, nor a shard's own part alone."""
    return part.device == target.device and hasattr(part, "to_local") == hasattr(target, "to_local")


def combine_(
    moved: Sequence[Tensor], vectors: Sequence[Gradient], weights: Tensor, portion: Iterable[int] | None = None
) -> None:
    """Put Σ w_i·v_i into ``.grad`` of what the optimizer moves, in the second vector's own memory, or the first's where
    it does not wait elsewhere.

    The first two, the gradients of the sides, are emptied as they are read: no further copy exists. ``portion``: of
    these parameters alone.
    """
    weights = weights.float()  # rules think in float64
    for i in range(len(moved)) if portion is None else portion:
        target = moved[i]
        parts = [vector[i] for vector in vectors]
        for vector in vectors[:2]:
            vector[i] = None
        own = next((j for j in (1, 0) if parts[j] is not None and _lies_there(parts[j], target)), None)
        if own is not None or any(part is not None for part in parts):
            target.grad = _combined(target, parts, weights, own)


def _combined(target: Tensor, parts: list[Tensor | None], weights: Tensor, own: int | None) -> Tensor:
    """Σ wᵢ·partsᵢ, in the memory of ``parts[own]`` where it is of the target's type."""
    kept = torch.zeros_like(target) if own is None else parts[own]
    mine = world.local(kept)
    there = [None if part is None else world.local(part).to(mine.device, non_blocking=True) for part in parts]
    whole = own is not None and all(part is not None for part in there)
    if whole and target.dtype == torch.float32 and fused.fits(*there):
        found = fused.combine(there, weights, own)
        return kept if mine.dtype == torch.float32 else found  # a shard stays part of its whole
    kept = kept.to(target.dtype)  # no copy where it is of that type
    weights = weights.to(mine.device)  # what no side computes with may wait on the host
    if own is not None:
        world.local(kept).mul_(weights[own])
    for i, part in enumerate(there):
        if i != own and part is not None:
            world.local(kept).addcmul_(part.to(target.dtype), weights[i])
    return kept
