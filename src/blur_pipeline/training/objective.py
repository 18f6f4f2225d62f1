"""One side of a step: its losses over rows of their sets, accumulated over micro-batches and ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blur_pipeline.methods.choice import Loss, Moment, Penalty
from blur_pipeline.models.examples import Examples, length_buckets
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine, Precision
from blur_pipeline.training.gradients import expect_parts
from blur_pipeline.training.reference import Reference
from blur_pipeline.training.workers import world

Rows = Mapping[str, Sequence[int]]
"""The rows of a step on all ranks, by set."""


@dataclass(frozen=True)
class Objective:
    """The weighted sum of losses, for one model; ``losses`` by the set that they are taken on."""

    losses: dict[str, list[Loss]]
    sets: dict[str, Examples]
    model: nn.Module
    reference: Reference | None
    engine: Engine
    device: torch.device
    penalties: Sequence[Penalty] = ()
    """Beside the losses; they are no part of ``accumulate`` (training/penalties.py)."""

    def accumulate(self, rows: Rows, moment: Moment, backward: bool = True) -> Tensor:
        """This rank's share of the losses' means over ``rows``, a detached float32 scalar; with ``backward`` its
        gradient is added to ``.grad``.

        Each rank takes every world-size-th row, longest first, and all divide by the count of the whole step, so a
        sum over ranks is the mean over the step. Every rank runs equally many micro-batches, one without rows of its
        own a borrowed one that counts nothing: under FSDP2 a forward pass is a collective operation.
        """
        parts = {name: list(self._cut(self.sets[name], rows[name])) for name in self.losses}
        if backward:
            expect_parts(self.model.parameters(), world.size() * sum(map(len, parts.values())))
        value = torch.zeros((), device=self.device)
        for name, micro_batches in parts.items():
            losses, examples = self.losses[name], self.sets[name]
            shares = [loss.weight / examples.counted_by(loss.counted).count(rows[name], loss.unit) for loss in losses]
            for members, counts in micro_batches:
                with torch.set_grad_enabled(backward):
                    part = self._sum(losses, shares, examples, members, moment) * float(counts)
                if backward:
                    part.backward()
                value += part.detach()
        return value

    def _cut(self, examples: Examples, rows: Sequence[int]) -> Iterator[tuple[Sequence[int], bool]]:
        """This rank's micro-batches, and whether each counts."""
        ordered, ranks = examples.by_length(rows), world.size()
        cuts = [list(self._portions(examples, ordered[rank::ranks])) for rank in range(ranks)]
        mine = cuts[world.rank()]
        for i in range(max(map(len, cuts))):
            yield (mine[i], True) if i < len(mine) else (ordered[-1:], False)

    def _portions(self, examples: Examples, rows: Sequence[int]) -> Iterator[Sequence[int]]:
        if self.engine.micro_batch_tokens:
            yield from length_buckets(examples, self.engine.micro_batch_tokens, rows)
        elif rows:
            size = self.engine.micro_batch_size or len(rows)
            yield from (rows[first : first + size] for first in range(0, len(rows), size))

    def _sum(
        self, losses: list[Loss], shares: list[float], examples: Examples, rows: Sequence[int], moment: Moment
    ) -> Tensor:
        beside = sorted({name for loss in losses for name in loss.companions})
        batch = examples.batch(rows, layout=self.engine.layout, companions=beside).to(self.device)
        with autocast(self.engine.precision, self.device):
            forward = Forward(self.model, batch, logits_chunk=self.engine.logits_chunk, moment=moment)
            theirs = self.reference and self.reference.outputs(forward)
            terms = [
                share * loss(forward, theirs if loss.needs == "reference_model" else None)
                for loss, share in zip(losses, shares, strict=True)
            ]
        return torch.stack(terms).sum()


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager:
    """Around every pass of a model; its ``Weights`` have done the rest."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16_autocast")
