"""A float32 weight as two halves of 16 bits: the bfloat16 that computes, and how far the float32 lies from it.

The distance of a float32 to the nearest bfloat16, counted in steps of its own last place, is at most 2¹⁵ to either
side: 16 bits. So a bfloat16 weight and its float32 master are four bytes together, not six, as in Split-SGD (Kalamkar
et al., arXiv 2005.04680), whose upper half is cut off and not rounded.

1 + 2⁻⁷ − 2⁻²³ is 0x3F80FFFF, the nearest bfloat16 is 1 + 2⁻⁷, 0x3F81, and the lower half −1.

+2¹⁵ itself has no room: a number in the middle between two bfloat16 of which the lower one is even comes back one step
nearer to zero, 2⁻²³ of itself at most. Of numbers drawn at random that is one in 131,072, of those that float16 holds
one in 16.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from blur_pipeline.training import fused
from blur_pipeline.training.fused import FARTHEST

AT_ONCE = {"cpu": 2**20, "cuda": 2**24}
"""Numbers whose distance is worked out at once: on a CPU what its cache holds."""


def split(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest bfloat16, as torch rounds, and the int16 half of a float32 tensor, which stays as it is."""
    upper = weight.detach().bfloat16()
    lower = torch.empty_like(upper, dtype=torch.int16)
    for parts in _parts(weight.detach(), upper, lower):
        _measure_(*parts)
    return upper, lower


def whole(upper: Tensor, lower: Tensor) -> Tensor:
    """The float32 tensor that they were, in the host's memory."""
    weight = torch.empty(upper.shape, dtype=torch.float32)
    _join(weight, upper.detach().cpu(), lower.cpu())
    return weight


def without_memory(like: Tensor) -> Tensor:
    """A float32 tensor of this shape and on this device whose memory is taken by ``join_`` and given back by
    ``part_``: the optimizer knows its weights by it."""
    weight = torch.empty(like.shape, dtype=torch.float32, device=like.device)
    weight.untyped_storage().resize_(0)
    return weight


@torch.no_grad()
def join_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    """``weight`` gets memory and the float32 values."""
    weight.untyped_storage().resize_(4 * weight.numel())
    if fused.fits(weight, upper, lower):
        fused.join_(weight, upper, lower)
    else:
        _join(weight, upper.detach(), lower)


@torch.no_grad()
def part_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    """Both halves from ``weight``, whose memory is given back."""
    if fused.fits(weight, upper, lower):
        fused.part_(weight, upper, lower)
    else:
        for part, above, below in _parts(weight, upper.detach(), lower):
            above.copy_(part)
            _measure_(part, above, below)
    weight.untyped_storage().resize_(0)


def _measure_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    apart = upper.view(torch.int16).to(torch.int32).bitwise_left_shift_(16)
    lower.copy_(torch.sub(weight.view(torch.int32), apart, out=apart).clamp_(max=FARTHEST))


def _join(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    for part, above, below in _parts(weight, upper, lower):
        part.view(torch.int32).copy_(above.view(torch.int16)).bitwise_left_shift_(16).add_(below)


def _parts(weight: Tensor, *halves: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Portions of all three, cut along the first dimension."""
    tensors = [t.reshape(1) if t.dim() == 0 else t for t in (weight, *halves)]
    rows = max(1, AT_ONCE[weight.device.type] * len(tensors[0]) // max(1, weight.numel()))
    yield from zip(*(t.split(rows) for t in tensors), strict=True)
