"""What a step does to every weight, as one pass over memory instead of several: on a GPU, by torch.compile.

One operation after the other reads and writes a weight a dozen times (docs/engine.md#on-a-gpu says what that took).
Each function here says what is computed; where torch can compile it a kernel does, and elsewhere its callers go on in
operations of torch, to the same values (``join_``, ``part_``) or to float32 rounding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
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
log = logging.getLogger(__name__)


def fits(*tensors: Tensor) -> bool:
    """Whether these, of one size, are worth a kernel of their own and torch can compile it."""
    first = tensors[0]
    if not first.is_cuda or first.numel() < LEAST:
        return False
    return all(t.device == first.device and t.is_contiguous() for t in tensors) and compiles(first.device)


@cache
def compiles(device: torch.device) -> bool:
    """Try each function once, as a step calls it. Triton, which makes the kernels, wants a C compiler and Python's
    headers to start them, and a machine may have torch without either. The size is such as a step meets: by it torch
    decides how a sum is cut."""
    upper, lower = (torch.zeros(2**24, dtype=of, device=device) for of in (torch.bfloat16, torch.int16))
    weight, weights = upper.float(), torch.ones(2, device=device)
    try:
        join_(weight, upper, lower)
        part_(weight, upper, lower)
        for parts in ([upper, upper + 1], [weight, weight + 1]):
            products(parts)
            combine(parts, weights, 1)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever a compiler or its absence raises: the training can do without
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        log.warning("torch compiles nothing here, so each step passes over its weights several times: %s", words)
        return False
    return True


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
