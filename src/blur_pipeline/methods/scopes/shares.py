"""The largest numbers of many tensors at once, to the very element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def largest(scores: Sequence[Tensor], share: float) -> list[Tensor]:
    """Of each tensor, true where its score is among the largest ``share`` of all, float32 and not negative.

    [3, 1], [2, 2] and a share of ½ give [T, F], [T, F]: of equal ones those that come first. Nothing is sorted or
    joined: as bits, such numbers are in the order of integers, and 31 counts find the threshold.
    """
    import torch

    wanted = round(share * sum(score.numel() for score in scores))
    bits = [score.contiguous().view(torch.int32) for score in scores]
    threshold = 0  # the largest number that at least ``wanted`` scores reach
    for place in reversed(range(31)):
        tried = threshold | 1 << place
        if sum(int((part >= tried).sum()) for part in bits) >= wanted:
            threshold = tried
    kept = [part > threshold for part in bits]
    left = wanted - sum(int(mask.sum()) for mask in kept)
    for mask, part in zip(kept, bits, strict=True):
        ties = (part == threshold).flatten().nonzero().flatten()[: max(left, 0)]
        mask.view(-1)[ties] = True
        left -= len(ties)
    return kept
