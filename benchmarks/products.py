"""What the matrix products of a step take by themselves, at their own shapes: the least that the step could last."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from benchmarks.machine import wait
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
COUNTED = {aten.mm.default, aten.addmm.default, aten.bmm.default, aten.baddbmm.default}
Kind = tuple[Callable, tuple[tuple[torch.Size, tuple[int, ...], torch.dtype], ...]]
"""The operation, and size, strides and type of each operand."""


class Products(TorchDispatchMode):
    """Counts the matrix products while open; fused attention, which is none of them, is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[Kind] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Torch's own, with a look at the operands."""
        if func in COUNTED:
            operands = tuple((x.shape, x.stride(), x.dtype) for x in args if isinstance(x, Tensor))
            self.found[func, operands] += 1
        return func(*args, **(kwargs or {}))

    def seconds(self, device: str, repeats: int = 5) -> float:
        """Each kind's median of ``repeats`` after one, on operands that its caches hold, as often as it was counted."""
        return sum(count * _alone(kind, device, repeats) for kind, count in self.found.items())


def _alone(kind: Kind, device: str, repeats: int) -> float:
    function, operands = kind
    made = [_laid_out(*operand, device) for operand in operands]
    took = []
    for _ in range(repeats + 1):
        wait(device)
        start = time.perf_counter()
        function(*made)
        wait(device)
        took.append(time.perf_counter() - start)
    return sorted(took[1:])[repeats // 2]


def _laid_out(size: torch.Size, stride: tuple[int, ...], dtype: torch.dtype, device: str) -> Tensor:
    """Random numbers that lie in memory as the operand did, expanded dimensions among them."""
    span = 1 + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    return torch.randn(span, dtype=dtype, device=device).as_strided(size, stride)
