"""Prices on the trained weights themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Moment, Penalty

if TYPE_CHECKING:
    from torch import Tensor


class L1(Penalty):
    """Sparsity (Jia et al., arXiv 2304.04934): a_t·‖θ‖₁ over what trains, with a_t = a·(1 − t/T′) for step t, then 0.

    T′ is the part of the training before ``free``; the published code lowers a_t by the epoch. ``weight`` is a.
    θ = (1, −2) and a = ½ give 3/2 at first and the gradient (½, −½).
    """

    kind: Literal["l1"] = "l1"
    weight: float = Field(1e-5, ge=0, description="a, the price of a weight of size 1")
    decays: bool = Field(True, description="linearly to zero; else constant, as beside ascent (GA-ℓ1)")
    free: float = Field(0.0, ge=0, lt=1, description="share of the training, at its end, without it")

    def __call__(self, weight: Tensor, moment: Moment) -> Tensor:
        left = max(0.0, 1 - moment.step / ((1 - self.free) * moment.steps)) if self.decays else 1.0
        return left * weight.abs().sum()
