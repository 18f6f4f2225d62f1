"""Tokenised sequences in memory, which of them a step uses, and how they become a padded batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from blur_pipeline.methods.choice import Unit

if TYPE_CHECKING:
    import torch

Layout = Literal["right", "left", "packed"]
"""Where a batch is padded, or packed: one row without any."""
IGNORED = -100
"""The label of a token that is not supervised, as in torch and transformers."""


@dataclass(frozen=True)
class Batch:
    """S sequences as a grid of B rows and T columns, with the indices that losses need computed on the host.

    Padded on one side B = S; packed B = 1 and the sequences stand one behind the other. Position t predicts
    token t + 1: ``predicting`` are the N places of the flattened grid that predict a supervised token,
    ``targets`` those tokens and ``sequence`` whose they are. ``filled`` are the P places that are no padding.
    """

    input_ids: torch.Tensor  # (B, T) int64
    attention_mask: torch.Tensor | None  # (B, T) int64; None where nothing is padded on the left
    position_ids: torch.Tensor | None  # (B, T) int64; None where they count from 0 in each row
    predicting: torch.Tensor  # (N,) int64
    sequence: torch.Tensor  # (N,) int64
    targets: torch.Tensor  # (N,) int64
    filled: torch.Tensor  # (P,) int64
    topic_of_filled: torch.Tensor  # (P,) int64, places in ``topics``
    reference_logprobs: torch.Tensor | None  # (S,) float32
    topics: tuple[int, ...]  # those that occur, ascending
    size: int  # S
    boundaries: torch.Tensor | None = None  # (S + 1,) int32, where sequences begin and the last ends; packed alone
    longest: int = 0  # tokens of the longest sequence
    companions: dict[str, Batch] = field(default_factory=dict)  # other answers of the same S questions

    @property
    def packed(self) -> bool:
        """Whether several sequences share a row."""
        return self.size > len(self.input_ids)

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``: one copy, which the host does not wait for."""
        if device == self.input_ids.device:
            return self
        there = {name: batch.to(device) for name, batch in self.companions.items()}
        return replace(self._through_one_buffer(device), companions=there)

    def _through_one_buffer(self, device: torch.device) -> Batch:
        """Only out of pinned memory can a copy go on by itself; torch keeps that memory until the copy is done."""
        import torch
        from torch.nn.functional import pad

        tensors = {n: t for n, t in vars(self).items() if isinstance(t, torch.Tensor)}
        raw = [t.contiguous().flatten().view(torch.uint8) for t in tensors.values()]
        aligned = [pad(part, (0, -len(part) % 8)) for part in raw]  # a view as int64 begins at a multiple of 8
        buffer = torch.cat(aligned)
        if device.type == "cuda" and not buffer.is_cuda:
            buffer = buffer.pin_memory()
        pieces = buffer.to(device, non_blocking=True).split([len(part) for part in aligned])
        there = {
            name: piece[: len(part)].view(tensor.dtype).view(tensor.shape)
            for (name, tensor), part, piece in zip(tensors.items(), raw, pieces, strict=True)
        }
        return replace(self, **there)


@dataclass(frozen=True)
class Examples:
    """Tokenised sequences with their labels; ``labels[i][t]`` is what t − 1 is to predict, most often the token itself,
    or ``IGNORED``."""

    input_ids: list[np.ndarray]
    labels: list[np.ndarray]
    topics: np.ndarray = field(default=None)
    reference_logprobs: np.ndarray | None = None
    companions: dict[str, Examples] = field(default_factory=dict)
    """Row by row other answers to the same questions: ``refusal``, ``alternative``."""

    def __post_init__(self) -> None:
        if self.topics is None:
            object.__setattr__(self, "topics", np.zeros(len(self.input_ids), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.input_ids)

    @classmethod
    def from_columns(
        cls, input_ids: Sequence[Sequence[int]], labels: Sequence[Sequence[int]], topics: Sequence[int] | None = None
    ) -> Examples:
        """From the columns of a tokenised Arrow set; without topics all sequences are of one."""
        ids, supervised = ([np.asarray(x, np.int64) for x in column] for column in (input_ids, labels))
        return cls(ids, supervised, None if topics is None else np.asarray(topics, np.int64))

    def save(self, path: Path) -> None:
        """As one ``.npz`` of flat arrays; no pickle."""
        parts = {"": self, **{f"{name}/": examples for name, examples in self.companions.items()}}
        np.savez(path, **{f"{place}{n}": array for place, part in parts.items() for n, array in part._arrays().items()})

    @classmethod
    def load(cls, path: Path) -> Examples:
        """What ``save`` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            parts: dict[str, dict[str, np.ndarray]] = {}
            for key in stored:
                place, _, name = key.rpartition("/")
                parts.setdefault(place, {})[name] = stored[key]
        found = {place: cls._of_arrays(arrays) for place, arrays in parts.items()}
        return replace(found.pop(""), companions=found)

    def _arrays(self) -> dict[str, np.ndarray]:
        lengths = np.array([len(ids) for ids in self.input_ids])
        flat = {"lengths": lengths, "ids": np.concatenate(self.input_ids), "labels": np.concatenate(self.labels)}
        reference = {} if self.reference_logprobs is None else {"reference": self.reference_logprobs}
        return {**flat, "topics": self.topics, **reference}

    @classmethod
    def _of_arrays(cls, stored: dict[str, np.ndarray]) -> Examples:
        ends = np.cumsum(stored["lengths"])[:-1]
        ids, labels = np.split(stored["ids"], ends), np.split(stored["labels"], ends)
        return cls(ids, labels, stored["topics"], stored.get("reference"))

    def with_reference(self, logprobs: Sequence[float]) -> Examples:
        """The same sequences with their summed log-probability under the target model."""
        return replace(self, reference_logprobs=np.asarray(logprobs, np.float32))

    def take(self, rows: Sequence[int]) -> Examples:
        """These rows alone."""
        reference = None if self.reference_logprobs is None else self.reference_logprobs[list(rows)]
        ids, labels = [self.input_ids[i] for i in rows], [self.labels[i] for i in rows]
        companions = {name: examples.take(rows) for name, examples in self.companions.items()}
        return Examples(ids, labels, self.topics[list(rows)], reference, companions)

    def __add__(self, other: Examples) -> Examples:
        topics = np.concatenate([self.topics, other.topics])
        return Examples(self.input_ids + other.input_ids, self.labels + other.labels, topics)

    def count(self, rows: Sequence[int], unit: Unit) -> int:
        """What a mean over these rows divides by, at least 1."""
        if unit == "sequences":
            total = len(rows)
        elif unit in ("tokens", "later_tokens"):
            tokens = [int((self.labels[i][1:] != IGNORED).sum()) for i in rows]
            total = sum(tokens) if unit == "tokens" else sum(max(0, n - 1) for n in tokens)
        else:
            total = sum(len(self.input_ids[i]) for i in rows)
        return max(1, total)

    def counted_by(self, companion: str | None) -> Examples:
        """What a loss is a mean over: these sequences, or one of their companions."""
        return self if companion is None else self.companions[companion]

    def by_length(self, rows: Sequence[int]) -> list[int]:
        """The same rows, longest first: neighbours need little padding, and a lack of memory shows at once."""
        return sorted(rows, key=lambda i: (-len(self.input_ids[i]), i))

    def batch(
        self, rows: Sequence[int], pad_id: int = 0, layout: Layout = "right", companions: Sequence[str] = ()
    ) -> Batch:
        """Rows as one batch on the CPU. What ``pad_id`` is does not matter: no token that counts sees it."""
        import torch

        lengths = [len(self.input_ids[i]) for i in rows]
        places = _places(lengths, layout)  # where in the flattened grid each sequence begins
        height, width = (1, sum(lengths)) if layout == "packed" else (len(rows), max(lengths))
        ids = np.full(height * width, pad_id, dtype=np.int64)
        labels = np.full_like(ids, IGNORED)
        positions, owner = np.zeros_like(ids), np.full_like(ids, -1)
        for s, (i, start, length) in enumerate(zip(rows, places, lengths, strict=True)):
            span = slice(start, start + length)
            ids[span], labels[span], owner[span] = self.input_ids[i], self.labels[i], s
            labels[start] = IGNORED  # nothing predicts a first token
            positions[span] = np.arange(length)
        supervised = np.flatnonzero(labels != IGNORED)
        filled = np.flatnonzero(owner >= 0)
        topics, which = np.unique(self.topics[list(rows)], return_inverse=True)
        masked = layout == "left" and len(filled) < len(ids)  # what stands behind a token is hidden from it anyway
        arrays = {
            "input_ids": ids.reshape(height, width),
            "attention_mask": (owner >= 0).astype(np.int64).reshape(height, width) if masked else None,
            "position_ids": None if layout == "right" else positions.reshape(height, width),
            "predicting": supervised - 1,
            "sequence": owner[supervised],
            "targets": labels[supervised],
            "filled": filled,
            "topic_of_filled": which[owner[filled]],
            "reference_logprobs": None if self.reference_logprobs is None else self.reference_logprobs[list(rows)],
            "boundaries": np.array([*places, width], np.int32) if layout == "packed" else None,
        }
        tensors = {n: None if a is None else torch.from_numpy(np.ascontiguousarray(a)) for n, a in arrays.items()}
        beside = {name: self.companions[name].batch(rows, pad_id, layout) for name in companions}
        topics, size = tuple(topics.tolist()), len(rows)
        return Batch(**tensors, topics=topics, size=size, longest=max(lengths), companions=beside)


def length_buckets(examples: Examples, tokens_per_batch: int, rows: Sequence[int] | None = None) -> Iterator[list[int]]:
    """These rows, or all, in batches of at most ``tokens_per_batch`` tokens with padding, longest first."""
    members: list[int] = []
    for i in examples.by_length(range(len(examples)) if rows is None else rows):
        longest = len(examples.input_ids[members[0]]) if members else 0
        if members and longest * (len(members) + 1) > tokens_per_batch:
            yield members
            members = []
        members.append(i)
    if members:
        yield members


def _places(lengths: Sequence[int], layout: Layout) -> list[int]:
    if layout == "packed":
        return [0, *np.cumsum(lengths)[:-1].tolist()]
    width = max(lengths)
    gap = (lambda length: width - length) if layout == "left" else (lambda length: 0)
    return [row * width + gap(length) for row, length in enumerate(lengths)]


def epoch_rows(total: int, batch_size: int, seed: int, step: int) -> list[int]:
    """Rows of ``step`` when every epoch is a fresh permutation: a pure function, so resuming replays nothing."""
    per_epoch = -(-total // batch_size)
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng([seed, epoch]).permutation(total)
    return order[place * batch_size : (place + 1) * batch_size].tolist()


def stream_rows(total: int, batch_size: int, seed: int, step: int, stream: Sequence[int] = (1,)) -> list[int]:
    """Rows of ``step`` from an endless run of permutations, always ``batch_size`` of them; ``stream`` tells those of
    several sets apart."""
    first = step * batch_size
    rows: list[int] = []
    while len(rows) < batch_size:
        epoch, place = divmod(first + len(rows), total)
        order = np.random.default_rng([seed, *stream, epoch]).permutation(total)
        rows += order[place : place + batch_size - len(rows)].tolist()
    return rows


def one_topic_rows(
    draw: Callable[[int, int, int, int], list[int]], topics: np.ndarray, batch_size: int, seed: int, step: int
) -> list[int]:
    """Rows of ``step`` where steps take the topics by turns, each drawn from as if it were the whole set."""
    kinds = np.unique(topics)
    turn, place = divmod(step, len(kinds))
    members = np.flatnonzero(topics == kinds[place])
    return members[draw(len(members), batch_size, seed, turn)].tolist()
