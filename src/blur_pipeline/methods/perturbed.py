"""Gradients taken beside θ: where a small change of the weights undoes the forgetting, these see it coming.

f = ∇L(θ) over all trainable weights, f̂ = f/‖f‖. A gradient of zero leaves θ where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Estimator, Gradient, Probe

if TYPE_CHECKING:
    from torch import Tensor


class SAM(Estimator):
    """Sharpness-aware minimisation (Fan et al., arXiv 2502.05374, eq. 6; Foret et al., 2010.01412): ∇L(θ + ρ·f̂).

    L = θ²/2 at θ = 3: f = 3, f̂ = 1, and ρ = 0.1 gives 3.1. Two passes; ρ = 0 is the plain gradient.
    """

    kind: Literal["sam"] = "sam"
    rho: float = Field(0.01, ge=0, description="ρ, how far up the loss it looks")
    shifts: ClassVar = True

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """The loss at θ, the gradient at θ + ρ·f̂."""
        loss, f = probe.gradient()
        with probe.shifted(f, self.rho / _length(probe, f)):
            return loss, probe.gradient()[1]


class Smoothing(Estimator):
    """Randomised smoothing (Fan et al., arXiv 2502.05374, "RS"): the mean of ∇L(θ + ρ·ξ) over n draws ξ ~ N(0, 1).

    L = θ²/2 at θ = 3 with ξ = 1, −2, 4: 3 + ρ·(1 − 2 + 4)/3. n passes; the loss told is the mean of those looked at.
    """

    kind: Literal["smoothing"] = "smoothing"
    rho: float = Field(1e-4, ge=0, description="ρ, the standard deviation of each weight's noise")
    draws: int = Field(3, ge=1, le=1000, description="n, points at which the gradient is taken")
    shifts: ClassVar = True

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """Mean loss and mean gradient."""
        total = gradient = None
        for draw in range(self.draws):
            with probe.shifted(probe.noise(draw), self.rho):
                loss, there = probe.gradient()
            total = loss if total is None else total + loss
            gradient = there if gradient is None else probe.combine([gradient, there], [1.0, 1.0])
        return total / self.draws, probe.combine([gradient], [1 / self.draws])


class GradientPenalty(Estimator):
    """The gradient of L + ρ·‖f‖ (Fan et al., arXiv 2502.05374, "GP"), since ∇‖f‖ = H·f̂ ≈ (∇L(θ + δ·f̂) − f)/δ.

    L = θ²/2 at θ = 3: H = 1, and ρ = 0.1 gives 3.1. Two passes. Published code took ‖f‖ as a number, so that its
    penalty had no gradient at all.
    """

    kind: Literal["gradient_penalty"] = "gradient_penalty"
    rho: float = Field(0.01, ge=0, description="ρ, the weight of the gradient's norm")
    delta: float = Field(1e-3, gt=0, description="δ, the step of the difference")
    shifts: ClassVar = True

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """The loss at θ without the penalty, the gradient with it."""
        loss, f = probe.gradient()
        with probe.shifted(f, self.delta / _length(probe, f)):
            there = probe.gradient()[1]
        share = self.rho / self.delta
        return loss, probe.combine([f, there], [1 - share, share])


class Curvature(Estimator):
    """The gradient of L + ρ·‖Δ‖ with Δ = ∇L(θ + μ·f̂) − f (Fan et al., arXiv 2502.05374, "CR"), μ·f̂ held still.

    ∇‖Δ‖ = (H(θ + μ·f̂) − H(θ))·Δ̂, each product a difference over δ: four passes. Where the curvature is the same
    everywhere it is f. L = θ³/6 at θ = 2: f = 2, f̂ = 1, H = θ, so ∇‖Δ‖ = μ, and d = 2 + ρ·μ.
    Published code took ‖Δ‖ as a number, without a gradient, and went along 2f + γr.
    """

    kind: Literal["curvature"] = "curvature"
    rho: float = Field(10.0, ge=0, description="ρ, the weight of ‖Δ‖")
    mu: float = Field(0.01, gt=0, description="μ, over how far the gradient's change is looked at")
    delta: float = Field(1e-3, gt=0, description="δ, the step of the differences")
    shifts: ClassVar = True

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """The loss at θ without the penalty, the gradient with it."""
        loss, f = probe.gradient()
        scale = self.mu / _length(probe, f)
        with probe.shifted(f, scale):
            beside = probe.gradient()[1]
        change = probe.combine([[g if g is None else g.clone() for g in beside], f], [1.0, -1.0])
        step = self.delta / _length(probe, change)
        with probe.shifted(change, step):
            ahead = probe.gradient()[1]
            with probe.shifted(f, scale):
                both = probe.gradient()[1]
        share = self.rho / self.delta
        return loss, probe.combine([f, both, beside, ahead], [1 + share, share, -share, -share])


def _length(probe: Probe, gradient: Gradient) -> Tensor:
    """‖g‖; in place of zero a number by which a gradient of zero can be divided."""
    return probe.norm(gradient).clamp_min(1e-30)
