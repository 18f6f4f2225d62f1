"""A ``Probe`` (methods/choice.py) of a function of one vector, for estimators against values derived by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import contextmanager

import torch
from torch import Tensor

from blur_pipeline.methods.choice import Moment


class Around:
    """``function`` around ``at``; ``noises`` are what is drawn, ``beside`` is what any other loss is; ``passes`` counts
    those forward and backward."""

    def __init__(self, function: Callable[[Tensor], Tensor], at, noises=(), moment=Moment(), beside=None):  # noqa: B008
        self.function, self.at = function, torch.tensor(at, dtype=torch.float32)
        self.noises, self.moment, self.beside, self.asked = noises, moment, beside, []
        self.passes = [0, 0]

    def gradient(self):
        self.passes = [self.passes[0] + 1, self.passes[1] + 1]
        at = self.at.clone().requires_grad_(True)
        loss = self.function(at)
        return loss.detach(), list(torch.autograd.grad(loss, at))

    def loss(self):
        self.passes[0] += 1
        return self.function(self.at)

    @contextmanager
    def shifted(self, direction, scale):
        kept, self.at = self.at, self.at + direction[0] * scale
        yield
        self.at = kept

    def other(self, loss, on, draw):
        self.asked.append((loss.kind, on, draw))
        there = copy.copy(self)
        there.function = self.beside
        return there

    def noise(self, draw):
        return [torch.tensor(self.noises[draw], dtype=torch.float32)]

    def coordinates(self, count):
        for i in range(count):
            yield [torch.eye(len(self.at))[i]]

    def combine(self, vectors, weights):
        return [sum(w * v[0] for v, w in zip(vectors, weights, strict=True))]

    def norm(self, gradient):
        return gradient[0].norm()
