"""Forgetting that shall outlast an attack: the gradient is taken where an adversary has been."""

from __future__ import annotations

from contextlib import nullcontext
from math import exp
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from blur_pipeline.methods.choice import Estimator, Gradient, Probe
from blur_pipeline.methods.retain import NLL

if TYPE_CHECKING:
    from torch import Tensor


class TamperResistance(Estimator):
    """First-order TAR (Tamirisa et al., arXiv 2408.00761, algorithm 1): an adversary that learns ``on`` moves θ by K
    steps, and every few of them the gradient of the forget loss is taken there; then θ is as before.

    d = w₀·∇L(θ) + Σ w·exp(growth·(i − K + 1))·∇L(θᵢ). Nothing is passed back through the adversary's steps. L = θ²/2 at
    θ = 3, an adversary that goes up by ½ twice and ``every`` 1, w = 1, growth 0: d = 3.5 + 4.
    """

    kind: Literal["tamper_resistance"] = "tamper_resistance"
    steps: int = Field(64, ge=1, le=1000, description="K, a pass forward and backward each")
    every: int = Field(4, ge=1, description="the adversary's steps from one gradient of the forget loss to the next")
    adversary: Literal["adam", "sgd"] = Field("adam", description="the adversary's optimizer")
    lrs: tuple[float, ...] = Field((2e-6, 2e-5, 4e-5), min_length=1, description="the adversary's rates, by turns")
    on: str = Field("forget", description="the set that the adversary learns")
    tampered: float = Field(4.0, ge=0, description="w, the weight of the last gradient")
    growth: float = Field(0.0625, ge=0, description="how the weights of the earlier ones fall short of it")
    untampered: float = Field(0.0, ge=0, description="w₀, the weight of the gradient at θ")
    whole_model: ClassVar = True

    @model_validator(mode="after")
    def _looks(self) -> TamperResistance:
        if self.every > self.steps:
            raise ValueError(f"every is {self.every}, more than the adversary's {self.steps} steps; lower it")
        return self

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """The loss at θ and d."""
        loss, total = probe.gradient() if self.untampered else (probe.loss(), None)
        total = total and probe.combine([total], [self.untampered])
        moved, memory = None, {}
        lr = self.lrs[probe.moment.step % len(self.lrs)]
        for i in range(self.steps):
            with probe.shifted(moved, 1.0) if moved else nullcontext():
                _, attack = probe.other(NLL(), self.on, i).gradient()
            moved = moved or [None if g is None else g.float() * 0 for g in attack]
            _attack_(moved, attack, memory if self.adversary == "adam" else None, lr, i + 1)
            if (i + 1) % self.every == 0:
                with probe.shifted(moved, 1.0):
                    _, there = probe.gradient()
                weight = self.tampered * exp(self.growth * (i + 1 - self.steps))
                vectors, weights = ([there], [weight]) if total is None else ([total, there], [1.0, weight])
                total = probe.combine(vectors, weights)
        return loss, total


def _attack_(moved: Gradient, gradient: Gradient, memory: dict | None, lr: float, step: int) -> None:
    """A step of plain gradient descent, or, where ``memory`` keeps its moments, of Adam with its usual numbers."""
    for i, g in enumerate(gradient):
        if g is None:
            continue
        g = g.float()
        if moved[i] is None:  # one that its first batches did not reach, as an expert's
            moved[i] = g * 0
        if memory is None:
            moved[i].add_(g, alpha=-lr)
            continue
        mean, square = memory.setdefault(i, (g * 0, g * 0))
        mean.mul_(0.9).add_(g, alpha=0.1)
        square.mul_(0.999).addcmul_(g, g, value=0.001)
        moved[i].addcdiv_(mean / (1 - 0.9**step), (square / (1 - 0.999**step)).sqrt().add_(1e-8), value=-lr)
