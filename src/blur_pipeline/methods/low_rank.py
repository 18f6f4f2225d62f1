"""The leading singular vectors of a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EXACT_UP_TO = 1024
"""Rows or columns; beyond it the few leading ones are found by power iterations from random vectors (Halko et al.,
arXiv 0909.4061), as published codes do."""


def leading(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """U (m, k), S (k,), V (n, k) of a float32 (m, n) matrix, k at most ``rank``, the largest first."""
    import torch

    if min(matrix.shape) <= EXACT_UP_TO:
        u, s, v = torch.linalg.svd(matrix, full_matrices=False)
        return u[:, :rank], s[:rank], v[:rank].T
    u, s, v = torch.svd_lowrank(matrix, q=min(rank + 8, *matrix.shape), niter=4)
    return u[:, :rank], s[:rank], v[:, :rank]
