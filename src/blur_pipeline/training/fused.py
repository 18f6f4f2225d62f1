"""What a step does to every weight, as one pass over memory instead of several: on a GPU, where ``training.compiled``.

One operation after the other reads and writes a weight a dozen times (docs/engine.md#on-a-gpu says what that took, and
that a step was no faster by these passes alone). Each function here says what is computed, and torch makes a kernel of
it; where it is not chosen its callers go on in operations of torch, to the same values (``join_``, ``part_``) or to
float32 rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from blur_pipeline.training.compiler import keep_compiled_code_private

LEAST = 2**20
"""Numbers of a tensor from which on reading and writing it takes longer than to begin to."""
FARTHEST = 2**15 - 1
INFINITE, NO_NUMBER = 0x7F800000, 0x7FC0
"""The bits of an infinite float32, and of the bfloat16 that is no number."""


_chosen: ContextVar[bool] = ContextVar("_chosen", default=False)


@contextmanager
def in_one_pass() -> Iterator[None]:
    """While open, tensors on a GPU that are worth it are passed over once, by what torch compiles."""
    token = _chosen.set(True)
    try:
        yield
    finally:
        _chosen.reset(token)


def fits(*tensors: Tensor) -> bool:
    """Whether these, of one size, are to be passed over by a kernel of their own."""
    first = tensors[0]
    if not _chosen.get() or not first.is_cuda or first.numel() < LEAST:
        return False
    return all(t.device == first.device and t.is_contiguous() for t in tensors)


@torch.no_grad()
def join_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    """halves.py's: ``weight`` float32 out of the bfloat16 nearest to it and the int16 that it is off by."""
    _compiled(_join_)(_bits(weight), _bits(upper), _flat(lower))


@torch.no_grad()
def part_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    """halves.py's: both halves of ``weight``."""
    _compiled(_part_)(_bits(weight), _bits(upper), _flat(lower))


@torch.no_grad()
def products(parts: Sequence[Tensor]) -> Tensor:
    """``(k(k + 1)/2,)`` float32: the inner products of each of k tensors with itself and those after it."""
    pairs = list(combinations_with_replacement(range(len(parts)), 2))
    return _compiled(_products)([_flat(part) for part in parts], pairs)


@torch.no_grad()
def combine(parts: Sequence[Tensor], weights: Tensor, own: int) -> Tensor:
    """Σ wᵢ·partsᵢ, float32, in the memory of ``parts[own]`` where that is float32; ``weights`` ``(k,)`` float32."""
    flat, mine = [_flat(part) for part in parts], parts[own]
    if mine.dtype == torch.float32:
        _compiled(_combine_)(flat, weights, own)
        return mine
    return _compiled(_combined)(flat, weights).view(mine.shape)


@cache
def _compiled(function: Callable) -> Callable:
    # Each is traced whole (test); should some further case be one too many for torch to compile, it runs uncompiled.
    keep_compiled_code_private()
    return torch.compile(function, dynamic=True)


def _bits(tensor: Tensor) -> Tensor:
    return _flat(tensor.view(-1).view(torch.int32 if tensor.element_size() == 4 else torch.int16))


def _flat(tensor: Tensor) -> Tensor:
    """``(n,)``, no view to torch: it would compile anew for each shape that views are of."""
    return tensor.view(-1).detach()


def _join_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    weight.copy_((upper.to(torch.int32) << 16) + lower)


def _part_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    # To the nearest, of two equally near to the even one: the half below is added, and one where the bit above is set.
    nearest = (weight + 0x7FFF + ((weight >> 16) & 1)) >> 16
    above = torch.where((weight & 0x7FFFFFFF) > INFINITE, NO_NUMBER, nearest)
    lower.copy_((weight - (above << 16)).clamp(max=FARTHEST))
    upper.copy_(above)


def _products(parts: list[Tensor], pairs: list[tuple[int, int]]) -> Tensor:
    return torch.stack([(parts[i].float() * parts[j].float()).sum() for i, j in pairs])


def _combine_(parts: list[Tensor], weights: Tensor, own: int) -> None:
    parts[own].copy_(_combined(parts, weights))


def _combined(parts: list[Tensor], weights: Tensor) -> Tensor:
    found = parts[0].float() * weights[0]
    for i, part in enumerate(parts[1:], 1):
        found = found + part.float() * weights[i]
    return found
