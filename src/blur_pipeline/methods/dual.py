"""Forgetting under a bound on the retain loss, by a multiplier that learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Rule, Seen

if TYPE_CHECKING:
    from torch import Tensor


class Dual(Rule):
    """The augmented Lagrangian of min L_f with L_r ≤ ε: d = γ·f + (λ + ρ·max(0, L_r − ε))·r, then λ moves.

    After the warm-up λ ← max(λ_min, λ + η·(L_r − ε)), a shrinking one ``shrink`` times as fast. ρ = 0, λ_min = 0: PDU
    (Entesari et al., arXiv 2506.05314, algorithm 1). η = ρ, λ_min = 0.1, shrink 0.1: BLADE (arXiv 2608.22557).
    λ = 2, ε = 1, L_r = 3, η = 0.5, ρ = 1: d = f + 4r and λ becomes 3.
    """

    kind: Literal["dual"] = "dual"
    forget: float = Field(1.0, ge=0, description="γ, the weight of the forget loss")
    bound: float = Field(0.3, gt=0, description="ε, what the retain loss may be")
    relative: bool = Field(False, description="ε is in units of the first step's retain loss")
    multiplier: float = Field(1.0, ge=0, description="λ before the first step")
    dual_lr: float = Field(1.0, ge=0, description="η, how fast λ moves")
    penalty: float = Field(0.0, ge=0, description="ρ, the price of each unit above the bound")
    warmup: float = Field(0.0, ge=0, le=1, description="share of the training in which λ does not move")
    floor: float = Field(0.0, ge=0, description="λ_min, below which λ does not fall")
    shrink: float = Field(1.0, ge=0, le=1, description="η is this much of itself where the bound is kept")

    def memory(self, moved: Sequence[Tensor], device: object) -> dict[str, Tensor | list[Tensor]]:
        """λ and ε."""
        import torch

        start = {"multiplier": self.multiplier, "bound": self.bound}
        return {name: torch.tensor(value, device=device) for name, value in start.items()}

    def __call__(self, gram: Tensor, seen: Seen) -> Tensor:
        """(γ, λ + ρ·max(0, L_r − ε)) with the λ that this step found."""
        import torch

        multiplier, bound = seen.memory["multiplier"], seen.memory["bound"]
        if self.relative and seen.moment.step == 0:
            bound.mul_(seen.losses[1])
        gap = seen.losses[1] - bound
        weights = torch.stack([torch.full_like(gap, self.forget), multiplier + self.penalty * gap.clamp_min(0)])
        if seen.moment.step >= self.warmup * seen.moment.steps:
            slower = torch.where(gap > 0, 1.0, self.shrink)
            multiplier.add_(self.dual_lr * slower * gap).clamp_min_(self.floor)
        return weights
