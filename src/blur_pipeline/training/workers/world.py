"""Which of how many processes this is; alone where torch.distributed was not started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

BUCKET_BYTES = 64 * 2**20
T = TypeVar("T")


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def together(act: Callable[[], T]) -> list[T]:
    """What ``act`` gives on each rank, in their order.

    Raises:
        OSError: it failed so on some rank. Every rank raises it: one that had given up alone would leave the others
            waiting in whatever they do together next.
    """
    try:
        found, failed = act(), None
    except OSError as error:
        found, failed = None, error
    if size() == 1:
        if failed:
            raise failed
        return [found]
    everyone: list[Any] = [None] * size()
    dist.all_gather_object(everyone, (found, failed and (str(failed) or "no reason given")))
    if words := next((said for _, said in everyone if said), None):
        raise OSError(words) from failed
    return [value for value, _ in everyone]


def on_first(act: Callable[[], None]) -> None:
    """``act`` on rank 0 alone; the others wait for it, and raise OSError where it did."""
    together(lambda: act() if rank() == 0 else None)


def sum_over_ranks_(tensors: Sequence[Tensor]) -> None:
    """Sum each tensor over all ranks in place, in buckets: few large messages instead of many small ones."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and (tensor.dtype != bucket[0].dtype or sum(t.nbytes for t in bucket) + tensor.nbytes > BUCKET_BYTES):
            _reduce_bucket(bucket)
            bucket = []
        bucket.append(tensor)
    if bucket:
        _reduce_bucket(bucket)


def _reduce_bucket(bucket: list[Tensor]) -> None:
    if len(bucket) == 1:
        dist.all_reduce(bucket[0])
        return
    flat = torch.cat([t.flatten() for t in bucket])
    dist.all_reduce(flat)
    torch._foreach_copy_(
        bucket, [p.view_as(t) for p, t in zip(flat.split([t.numel() for t in bucket]), bucket, strict=True)]
    )


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that this process holds: all of it, but for FSDP2's."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def shard_of(whole: Tensor, like: Tensor) -> Tensor:
    """What this process would hold of ``whole`` if it were cut as ``like`` is: FSDP2 cuts along the first dimension."""
    if not hasattr(like, "to_local"):
        return whole
    parts = whole.chunk(size())
    return parts[rank()] if rank() < len(parts) else whole[:0]


def set_(tensor: Tensor, place: int, value: float) -> None:
    """Put ``value`` at the flattened ``place`` of a contiguous tensor, if this process holds it."""
    width = tensor.numel() // max(1, len(tensor)) if tensor.dim() else 1
    rows = -(-len(tensor) // size()) if hasattr(tensor, "to_local") else 0
    mine = place - rank() * rows * width
    if 0 <= mine < local(tensor).numel():
        local(tensor).view(-1)[mine] = value
