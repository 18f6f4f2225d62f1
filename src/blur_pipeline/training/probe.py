"""Looks at one side's loss around the weights θ, for an estimator: gradient, loss, θ shifted and restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from blur_pipeline.methods.choice import Loss, Moment
from blur_pipeline.training.dropout import seed_dropout
from blur_pipeline.training.gradients import Gradient, inner, take_gradient
from blur_pipeline.training.masks import Masks
from blur_pipeline.training.objective import Objective, Rows
from blur_pipeline.training.penalties import price
from blur_pipeline.training.rows import other_rows
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.weights import Weights
from blur_pipeline.training.workers import world


@dataclass(frozen=True)
class StepProbe:
    """The ``Probe`` (methods/choice.py) of side number ``side`` in one step of the run with this ``seed``."""

    objective: Objective
    rows: Rows
    weights: Weights
    seed: int
    moment: Moment
    side: int
    sharded: bool
    masks: Masks | None = None
    schedule: Schedule = field(default_factory=Schedule)
    """By which the step's rows were drawn."""

    def gradient(self) -> tuple[Tensor, Gradient]:
        """One pass forward and backward over the step's rows."""
        loss = self._accumulate()
        gradient = take_gradient(self.weights.parameters, self.sharded)
        loss = _over_ranks(loss + self._price(gradient))
        return loss, self._cut(gradient)

    def loss(self) -> Tensor:
        """One pass forward."""
        return _over_ranks(self._accumulate(backward=False) + self._price())

    def _cut(self, direction: Gradient) -> Gradient:
        if self.masks:
            self.masks.cut_(direction)
        return direction

    def _accumulate(self, backward: bool = True) -> Tensor:
        seed_dropout(self.seed, self.moment.step, self.side)
        if known := self.objective.foresee(self.rows, self.moment):
            seed_dropout(self.seed, self.moment.step, self.side)  # what was foreseen is what comes
        return self.objective.accumulate(self.rows, self.moment, backward, known)

    def other(self, loss: Loss, on: str, draw: int) -> StepProbe:
        """Rows of a stream of their own for each draw, wherever the step's are from, of its topic where topics
        alternate; no mask holds who looks there."""
        objective = replace(self.objective, losses={on: [loss]}, penalties=(), reference=None)
        examples, size = self.objective.sets[on], len(self.rows[on])
        rows = other_rows(examples, self.schedule, self.seed, self.moment.step, size, (2, draw))
        return replace(self, objective=objective, rows={on: rows}, masks=None)

    def _price(self, gradient: Gradient | None = None) -> Tensor | float:
        if not self.objective.penalties:
            return 0.0
        return price(self.objective.penalties, self.weights, self.moment, self.sharded, gradient)

    @contextmanager
    def shifted(self, direction: Gradient, scale: float | Tensor) -> Iterator[None]:
        """What is moved, float32, is shifted; a copy restores it, since a sum taken back again may round."""
        moved = [m for m, d in zip(self.weights.moved, direction, strict=True) if d is not None]
        with torch.no_grad(), self.weights.there():
            kept = [m.detach().clone() for m in moved]
            for m, d in zip(moved, (d for d in direction if d is not None), strict=True):
                world.local(m).add_(world.local(d).to(m.dtype) * scale)
        try:
            yield
        finally:
            with torch.no_grad(), self.weights.there():
                for m, original in zip(moved, kept, strict=True):
                    m.copy_(original)

    def noise(self, draw: int) -> Gradient:
        """Of a sharded weight each rank draws all and keeps its shard, so that a step is the same however it is cut."""
        entropy = np.random.SeedSequence([self.seed, self.moment.step, self.side, draw])
        generator = torch.Generator(self.weights.moved[0].device)
        generator.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
        drawn = [torch.empty_like(m, requires_grad=False) for m in self.weights.moved]
        for tensor in drawn:
            whole = torch.randn(tensor.shape, generator=generator, device=tensor.device)
            world.local(tensor).copy_(world.shard_of(whole, tensor))
        return self._cut(drawn)

    def coordinates(self, count: int) -> Iterator[Gradient]:
        """Drawn by numpy on the host, alike on all ranks."""
        moved = self.weights.moved
        ends = np.cumsum([m.numel() for m in moved])
        rng = np.random.default_rng([self.seed, self.moment.step, self.side])
        places = self.masks.places(moved) if self.masks else np.arange(ends[-1])
        for place in rng.choice(places, min(count, len(places)), replace=False).tolist():
            i = int(np.searchsorted(ends, place, side="right"))
            unit = torch.zeros_like(moved[i], requires_grad=False)
            world.set_(unit, place - int(ends[i] - moved[i].numel()), 1.0)
            yield [unit if j == i else None for j in range(len(moved))]

    @torch.no_grad()
    def combine(self, vectors: Sequence[Gradient], weights: Sequence[float | Tensor]) -> Gradient:
        """Elementwise, on what this rank holds."""
        combined: Gradient = []
        for parts in zip(*vectors, strict=True):
            total = None
            for part, weight in zip(parts, weights, strict=True):
                if part is not None and total is None:
                    total = part.float()  # no copy where it is float32
                    world.local(total).mul_(weight)
                elif part is not None:
                    world.local(total).add_(world.local(part).float() * weight)
            combined.append(total)
        return combined

    def norm(self, gradient: Gradient) -> Tensor:
        """In float64 over the tensors, returned as float32."""
        square = sum((inner(g, g) for g in gradient if g is not None), torch.zeros((), dtype=torch.float64))
        square = torch.as_tensor(square, device=self.weights.moved[0].device)
        if self.sharded:
            dist.all_reduce(square)
        return square.sqrt().float()


def _over_ranks(value: Tensor) -> Tensor:
    if world.size() > 1:
        dist.all_reduce(value)
    return value
