"""One side of a step: its losses over rows of their sets, accumulated over micro-batches and ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blur_pipeline.methods.choice import ForeseeingLoss, Loss, Moment, Penalty
from blur_pipeline.models.examples import Examples, length_buckets
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine, Precision
from blur_pipeline.training.gradients import expect_parts
from blur_pipeline.training.reference import Reference
from blur_pipeline.training.workers import world

Rows = Mapping[str, Sequence[int]]
"""The rows of a step on all ranks, by set."""
Known = dict[Loss, Tensor]
"""Means over a step that losses had taken beforehand."""


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

    @torch.no_grad()
    def foresee(self, rows: Rows, moment: Moment) -> dict[str, Known]:
        """By set the means over ``rows`` that its losses must know first, over all ranks."""
        found: dict[str, Known] = {}
        for name, losses in self.losses.items():
            wanting = list(
                dict.fromkeys(loss for loss in losses if isinstance(loss, ForeseeingLoss))
            )  # in one order on all ranks
            if not wanting:
                continue
            examples = self.sets[name]
            known = {loss: torch.zeros((), device=self.device) for loss in wanting}
            for members, counts in self._cut(examples, rows[name]):
                forward = self._forward(wanting, examples, members, moment)
                with autocast(self.engine.precision, self.device):
                    for loss in wanting:
                        known[loss] += loss.beforehand(forward) * float(counts)
            for loss, mean in known.items():
                mean /= examples.count(rows[name], loss.unit)
            if world.size() > 1:
                world.sum_over_ranks_(list(known.values()))
            found[name] = known
        return found

    def accumulate(
        self, rows: Rows, moment: Moment, backward: bool = True, known: Mapping[str, Known] | None = None
    ) -> Tensor:
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
                    forward = self._forward(losses, examples, members, moment, (known or {}).get(name))
                    part = self._sum(losses, shares, forward) * float(counts)
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

    def _sum(self, losses: list[Loss], shares: list[float], forward: Forward) -> Tensor:
        with autocast(self.engine.precision, self.device):
            theirs = self.reference and self.reference.outputs(forward)
            terms = [
                share * loss(forward, theirs if loss.needs == "reference_model" else None)
                for loss, share in zip(losses, shares, strict=True)
            ]
        return torch.stack(terms).sum()

    def _forward(
        self, losses: list[Loss], examples: Examples, rows: Sequence[int], moment: Moment, known: Known | None = None
    ) -> Forward:
        beside = sorted({name for loss in losses for name in loss.companions})
        batch = examples.batch(rows, layout=self.engine.layout, companions=beside).to(self.device)
        return Forward(self.model, batch, logits_chunk=self.engine.logits_chunk, moment=moment, known=known)


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager:
    """Around every pass of a model; its ``Weights`` have done the rest."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16_autocast")
