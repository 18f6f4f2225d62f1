"""Tokenised sequences in memory, which of them a step uses, and how they become a padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from blur_pipeline.methods.choice import Unit

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""The label of a token that is not supervised, as in torch and transformers."""


@dataclass(frozen=True)
class Batch:
    """B right-padded sequences of at most T tokens, with the indices that losses need computed on the host.

    Position t predicts token t + 1; ``keep`` are the K positions where any sequence predicts a supervised
    token, and entry i of the N supervised tokens is ``targets[i]``, predicted by row ``rows[i]`` at
    ``keep[columns[i]]``. The P positions that are not padding are (``filled_rows``, ``filled_columns``).
    """

    input_ids: torch.Tensor  # (B, T) int64
    attention_mask: torch.Tensor  # (B, T) int64
    keep: torch.Tensor  # (K,) int64
    rows: torch.Tensor  # (N,) int64
    columns: torch.Tensor  # (N,) int64
    targets: torch.Tensor  # (N,) int64
    filled_rows: torch.Tensor  # (P,) int64
    filled_columns: torch.Tensor  # (P,) int64
    topics: torch.Tensor  # (B,) int64
    reference_logprobs: torch.Tensor | None  # (B,) float32

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(**{k: v if v is None else v.to(device, non_blocking=True) for k, v in moved.items()})


@dataclass(frozen=True)
class Examples:
    """Tokenised sequences with their labels; ``labels[i][t]`` is the token itself or ``IGNORED``."""

    input_ids: list[np.ndarray]
    labels: list[np.ndarray]
    topics: np.ndarray = field(default=None)
    reference_logprobs: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.topics is None:
            object.__setattr__(self, "topics", np.zeros(len(self.input_ids), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.input_ids)

    @classmethod
    def from_columns(cls, input_ids: Sequence[Sequence[int]], labels: Sequence[Sequence[int]]) -> Examples:
        """From the two list columns of a tokenised Arrow set."""
        return cls([np.asarray(i, np.int64) for i in input_ids], [np.asarray(x, np.int64) for x in labels])

    def with_reference(self, logprobs: Sequence[float]) -> Examples:
        """The same sequences with their summed log-probability under the target model."""
        return replace(self, reference_logprobs=np.asarray(logprobs, np.float32))

    def __add__(self, other: Examples) -> Examples:
        return Examples(self.input_ids + other.input_ids, self.labels + other.labels)

    def count(self, rows: Sequence[int], unit: Unit) -> int:
        """What a mean over these rows divides by, at least 1."""
        if unit == "sequences":
            total = len(rows)
        elif unit == "tokens":
            total = sum(int((self.labels[i][1:] != IGNORED).sum()) for i in rows)
        else:
            total = sum(len(self.input_ids[i]) for i in rows)
        return max(1, total)

    def batch(self, rows: Sequence[int], pad_id: int = 0) -> Batch:
        """Rows as one padded batch on the CPU. What ``pad_id`` is does not matter: it is masked out."""
        import torch

        width = max(len(self.input_ids[i]) for i in rows)
        ids = np.full((len(rows), width), pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        labels = np.full_like(ids, IGNORED)
        for b, i in enumerate(rows):
            length = len(self.input_ids[i])
            ids[b, :length], mask[b, :length], labels[b, :length] = self.input_ids[i], 1, self.labels[i]
        predicts = labels[:, 1:] != IGNORED  # (B, T-1)
        keep = np.flatnonzero(predicts.any(axis=0))
        where, columns = np.nonzero(predicts[:, keep])
        filled_rows, filled_columns = np.nonzero(mask)
        reference = None if self.reference_logprobs is None else self.reference_logprobs[list(rows)]
        arrays = {
            "input_ids": ids,
            "attention_mask": mask,
            "keep": keep,
            "rows": where,
            "columns": columns,
            "targets": labels[:, 1:][predicts],
            "filled_rows": filled_rows,
            "filled_columns": filled_columns,
            "topics": self.topics[list(rows)],
        }
        tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
        return Batch(**tensors, reference_logprobs=None if reference is None else torch.from_numpy(reference))


def epoch_rows(total: int, batch_size: int, seed: int, step: int) -> list[int]:
    """Rows of ``step`` when every epoch is a fresh permutation: a pure function, so resuming replays nothing."""
    per_epoch = -(-total // batch_size)
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng([seed, epoch]).permutation(total)
    return order[place * batch_size : (place + 1) * batch_size].tolist()


def stream_rows(total: int, batch_size: int, seed: int, step: int) -> list[int]:
    """Rows of ``step`` from an endless run of permutations, always ``batch_size`` of them."""
    first = step * batch_size
    rows: list[int] = []
    while len(rows) < batch_size:
        epoch, place = divmod(first + len(rows), total)
        order = np.random.default_rng([seed, 1, epoch]).permutation(total)
        rows += order[place : place + batch_size - len(rows)].tolist()
    return rows
