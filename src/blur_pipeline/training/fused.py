"""What a step does to every weight, as one pass over memory instead of several: on a GPU, by torch.compile.

One operation after the other reads and writes a weight a dozen times: in a step of 1.2B weights in bf16 on an H100,
4+4 × 512 tokens, such passes took some 100 of 186 ms, and all matrix products 37. Each function here says what is
computed; where torch can compile it a kernel does, and elsewhere its callers go on in operations of torch, to the same
values (``join``, ``part``) or to float32 rounding.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import combinations_with_replacement

import torch
from torch import Tensor

LEAST = 2**22
"""Numbers of a tensor from which on reading and writing it takes longer than to begin to."""
FARTHEST = 2**15 - 1
INFINITE, NO_NUMBER = 0x7F800000, 0x7FC0
"""The bits of an infinite float32, and of the bfloat16 that is no number."""


def fits(*tensors: Tensor) -> bool:
    """Whether these, of one size, are worth a kernel of their own and torch can compile it."""
    first = tensors[0]
    if not first.is_cuda or first.numel() < LEAST or not _compiles():
        return False
    return all(t.device == first.device and t.is_contiguous() for t in tensors)


def join_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    """halves.py's: ``weight`` float32 out of the bfloat16 nearest to it and the int16 that it is off by."""
    _compiled(_join_)(_bits(weight), _bits(upper), lower.view(-1))


def part_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    """halves.py's: both halves of ``weight``."""
    _compiled(_part_)(_bits(weight), _bits(upper), lower.view(-1))


def products(parts: Sequence[Tensor]) -> Tensor:
    """``(k(k + 1)/2,)`` float32: the inner products of each of k tensors with itself and those after it."""
    return _compiled(_products)([part.view(-1) for part in parts])


def combine(parts: Sequence[Tensor], weights: Tensor, own: int) -> Tensor:
    """Σ wᵢ·partsᵢ, float32, in the memory of ``parts[own]`` where that is float32; ``weights`` ``(k,)`` float32."""
    flat, mine = [part.view(-1) for part in parts], parts[own]
    if mine.dtype == torch.float32:
        _compiled(_combine_)(flat, weights, own)
        return mine
    return _compiled(_combined)(flat, weights).view(mine.shape)


@cache
def _compiles() -> bool:
    """Triton makes the kernels, and starts them by a few lines of C."""
    return find_spec("triton") is not None and any(shutil.which(name) for name in ("cc", "gcc", "clang"))


@cache
def _compiled(function: Callable) -> Callable:
    return torch.compile(function, dynamic=True)


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().view(-1).view(torch.int32 if tensor.element_size() == 4 else torch.int16)


def _join_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    weight.copy_((upper.to(torch.int32) << 16) + lower)


def _part_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    # To the nearest, of two equally near to the even one: the half below is added, and one where the bit above is set.
    nearest = (weight + 0x7FFF + ((weight >> 16) & 1)) >> 16
    above = torch.where((weight & 0x7FFFFFFF) > INFINITE, NO_NUMBER, nearest)
    lower.copy_((weight - (above << 16)).clamp(max=FARTHEST))
    upper.copy_(above)


def _products(parts: list[Tensor]) -> Tensor:
    whole = [part.float() for part in parts]
    return torch.stack([(x * y).sum() for x, y in combinations_with_replacement(whole, 2)])


def _combine_(parts: list[Tensor], weights: Tensor, own: int) -> None:
    parts[own].copy_(_combined(parts, weights))


def _combined(parts: list[Tensor], weights: Tensor) -> Tensor:
    found = parts[0].float() * weights[0]
    for i, part in enumerate(parts[1:], 1):
        found = found + part.float() * weights[i]
    return found
