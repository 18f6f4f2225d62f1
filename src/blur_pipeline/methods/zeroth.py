"""Gradients from losses alone: no backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Estimator, Gradient, Probe

if TYPE_CHECKING:
    from torch import Tensor


class TwoPoint(Estimator):
    """SPSA as MeZO has it (Malladi et al., arXiv 2305.17333, def. 1): the mean of (L(θ+ε·z) − L(θ−ε·z))/(2ε)·z.

    z ~ N(0, 1), or on the unit sphere. L = 3θ₀ − θ₁ with z = (1, 2): the slope along z is 1, and the estimate (1, 2).
    2n forward passes; the loss told is the mean of those looked at. Nothing but a seed makes z, but it is kept while in
    use: this costs no less memory than a gradient.
    """

    kind: Literal["two_point"] = "two_point"
    epsilon: float = Field(1e-3, gt=0, description="ε, how far to either side (μ where z is on the sphere)")
    draws: int = Field(1, ge=1, le=10_000, description="n, directions of a step")
    sphere: bool = Field(False, description="z of length 1 (arXiv 2510.00761); the estimate is then as much shorter")
    shifts: ClassVar = True

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """Mean loss and mean estimate."""
        total, gradient = 0.0, None
        for draw in range(self.draws):
            z = probe.noise(draw)
            if self.sphere:
                z = probe.combine([z], [1 / probe.norm(z)])
            sides = []
            for step in (self.epsilon, -self.epsilon):
                with probe.shifted(z, step):
                    sides.append(probe.loss())
            slope = (sides[0] - sides[1]) / (2 * self.epsilon * self.draws)
            total = total + (sides[0] + sides[1]) / (2 * self.draws)
            vectors, weights = ([z], [slope]) if gradient is None else ([gradient, z], [1.0, slope])
            gradient = probe.combine(vectors, weights)
        return total, gradient


class Coordinate(Estimator):
    """Coordinate-wise differences (DeepZero, Chen et al., arXiv 2310.02025, "CGE"): (L(θ + μ·eᵢ) − L(θ))/μ for some i.

    The coordinates are drawn anew each step, each as likely as any; elsewhere the estimate is 0. L = 3θ₀ − θ₁ and
    i = 1: (0, −1). One forward pass a coordinate and one more, hence the bound.
    """

    kind: Literal["coordinate"] = "coordinate"
    coordinates: int = Field(64, ge=1, le=100_000, description="how many of the weights in a step")
    mu: float = Field(5e-3, gt=0, description="μ, the step of the difference")
    shifts: ClassVar = True

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """The loss at θ and the estimate."""
        loss, gradient = probe.loss(), None
        for unit in probe.coordinates(self.coordinates):
            with probe.shifted(unit, self.mu):
                slope = (probe.loss() - loss) / self.mu
            vectors, weights = ([unit], [slope]) if gradient is None else ([gradient, unit], [1.0, slope])
            gradient = probe.combine(vectors, weights)
        return loss, gradient


class Hybrid(Estimator):
    """First-order and zeroth-order steps by turns (arXiv 2510.00761): ``turn`` of the one, ``turn`` of the other.

    The last steps are zeroth-order, so turns are counted from the end: 5 steps and turn 2 give 0 1 1 0 0.

    On the sphere the estimate is of length ‖f‖/√N, beside a retain gradient that is whole: a zeroth-order step is all
    but a step of the retain side. And 2ε‖f‖/√N is what the two losses differ by: of a billion weights less than float32
    tells them apart by.
    """

    kind: Literal["hybrid"] = "hybrid"
    turn: int = Field(20, ge=1, description="N, steps of each order")
    zeroth: TwoPoint = Field(TwoPoint(sphere=True), description="how the zeroth-order steps estimate the gradient")
    shifts: ClassVar = True

    def too_short(self, steps: int) -> str | None:
        """All of them would be of the second kind."""
        if steps > self.turn:
            return None
        return (
            f"The gradient estimator 'hybrid' goes by turns of {self.turn} steps and ends with a zeroth-order one, so "
            f"that a training of {steps} has no first-order step; lower gradient.turn or train for longer."
        )

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """By backpropagation or by ``zeroth``."""
        return self.zeroth(probe) if probe.moment.left // self.turn % 2 == 0 else probe.gradient()
