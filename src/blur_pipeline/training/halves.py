"""A float32 weight as two halves of 16 bits: the bfloat16 that computes, and what it leaves out.

Adding half of bfloat16's last place to the bits of a float32 makes its upper half the nearest bfloat16 (of two that are
equally near the one farther from zero), and taking it off again brings every bit back. So a bfloat16 weight and its
float32 master are four bytes together, not six: as in the split optimizers of large-scale training (Intel's split SGD,
arXiv 2005.04680, where the upper half is cut off rather than rounded).

1 + 2⁻⁸ is 0x3F808000: + 0x8000 gives 0x3F81|0000, the upper half 1 + 2⁻⁷ and nothing below.
"""

from __future__ import annotations

import torch
from torch import Tensor

HALF = 0x8000
"""Half of bfloat16's last place, in the bits of a float32."""


def split(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest bfloat16 and the int16 half below it of a float32 tensor, which stays as it is."""
    bits = weight.detach().contiguous().view(torch.int32) + HALF
    pairs = _pairs(bits)
    return pairs[..., 1].contiguous().view(torch.bfloat16), pairs[..., 0].contiguous()


def whole(upper: Tensor, lower: Tensor) -> Tensor:
    """The float32 tensor that they were, in the host's memory."""
    upper, lower = upper.detach().cpu(), lower.cpu()
    weight = torch.empty(upper.shape, dtype=torch.float32)
    _join(weight, upper, lower)
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
    _join(weight, upper.detach(), lower)


@torch.no_grad()
def part_(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    """Both halves from ``weight``, whose memory is given back."""
    bits = weight.view(torch.int32)
    bits.add_(HALF)
    pairs = _pairs(bits)
    upper.detach().view(torch.int16).copy_(pairs[..., 1])
    lower.copy_(pairs[..., 0])
    weight.untyped_storage().resize_(0)


def _join(weight: Tensor, upper: Tensor, lower: Tensor) -> None:
    bits = weight.view(torch.int32)
    pairs = _pairs(bits)
    pairs[..., 1] = upper.view(torch.int16)
    pairs[..., 0] = lower
    bits.sub_(HALF)


def _pairs(bits: Tensor) -> Tensor:
    """``(…, 2)`` int16, the lower half first, as all machines that torch runs on have it."""
    return bits.unsqueeze(-1).view(torch.int16)
