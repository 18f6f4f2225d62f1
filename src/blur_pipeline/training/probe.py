"""Looks at one side's loss around the weights θ, for an estimator: gradient, loss, θ shifted and restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from blur_pipeline.methods.choice import Moment
from blur_pipeline.training.dropout import seed_dropout
from blur_pipeline.training.gradients import Gradient, inner, take_gradient
from blur_pipeline.training.objective import Objective, Rows
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

    def gradient(self) -> tuple[Tensor, Gradient]:
        """One pass forward and backward over the step's rows."""
        seed_dropout(self.seed, self.moment.step, self.side)
        loss = self.objective.accumulate(self.rows, self.moment)
        return loss, take_gradient(self.weights.parameters, self.sharded)

    def loss(self) -> Tensor:
        """One pass forward."""
        seed_dropout(self.seed, self.moment.step, self.side)
        value = self.objective.accumulate(self.rows, self.moment, backward=False)
        if world.size() > 1:
            dist.all_reduce(value)
        return value

    @contextmanager
    def shifted(self, direction: Gradient, scale: float | Tensor) -> Iterator[None]:
        """What is moved, float32, is shifted; a copy restores it, since a sum taken back again may round."""
        moved = [(m, d) for m, d in zip(self.weights.moved, direction, strict=True) if d is not None]
        with torch.no_grad():
            kept = [m.detach().clone() for m, _ in moved]
            for m, d in moved:
                m.add_(d.to(m.dtype) * scale)
            self.weights.publish()
        try:
            yield
        finally:
            with torch.no_grad():
                for (m, _), original in zip(moved, kept, strict=True):
                    m.copy_(original)
                self.weights.publish()

    def noise(self, draw: int) -> Gradient:
        """Of sharded weights each rank draws its own shard."""
        own = [world.rank()] if self.sharded else []
        entropy = np.random.SeedSequence([self.seed, self.moment.step, self.side, draw, *own])
        generator = torch.Generator(self.weights.moved[0].device)
        generator.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
        drawn = [torch.empty_like(m, requires_grad=False) for m in self.weights.moved]
        for tensor in drawn:
            world.local(tensor).normal_(generator=generator)
        return drawn

    def norm(self, gradient: Gradient) -> Tensor:
        """In float64 over the tensors, returned as float32."""
        square = sum((inner(g, g).double() for g in gradient if g is not None), torch.zeros((), dtype=torch.float64))
        square = torch.as_tensor(square, device=self.weights.moved[0].device)
        if self.sharded:
            dist.all_reduce(square)
        return square.sqrt().float()
