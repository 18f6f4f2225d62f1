"""Counts what a GPU would have to be waited for: values that the host reads off a tensor."""

from __future__ import annotations

from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# Indexing by a mask is nonzero() by another name: its length is read, inside one operation.
INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::masked_select")
READS = ("aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::item", "aten::equal")


class HostReads(TorchDispatchMode):
    """``count`` of reads while open, by name; ``Tensor.tolist`` of a CPU tensor passes the dispatcher by."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return sum(self.seen.values())

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if (name := func.name().split(".")[0]) in READS:
            self.seen[name] += 1
        if name in INDEXING and any(_is_mask(part) for part in args[1:2]):
            self.seen[name] += 1
        return func(*args, **(kwargs or {}))

    def __enter__(self):
        self.tolist = torch.Tensor.tolist
        torch.Tensor.tolist = lambda tensor: (self.seen.update(["tolist"]), self.tolist(tensor))[1]
        return super().__enter__()

    def __exit__(self, *error):
        torch.Tensor.tolist = self.tolist
        return super().__exit__(*error)


def _is_mask(index) -> bool:
    several = index if isinstance(index, list | tuple) else [index]
    return any(isinstance(part, torch.Tensor) and part.dtype in (torch.bool, torch.uint8) for part in several)
