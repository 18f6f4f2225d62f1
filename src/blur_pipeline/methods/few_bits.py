"""Steps that keep few bits of an update: what such a step forgot is harder to bring back (arXiv 2510.00761)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.methods.stepper import Stepper

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class Sign(Stepper):
    """signSGD with momentum (Bernstein et al., arXiv 1802.04434, algorithm 3): m ← βm + (1−β)g, θ moves by lr·sign(m).

    β = 0 is signSGD itself, without memory. g = (−3, 0, 0.1) gives (−1, 0, 1).
    """

    kind: Literal["sign"] = "sign"
    momentum: float = Field(0.9, ge=0, lt=1, description="β, the share of m that stays")

    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``."""
        from blur_pipeline.methods.elementwise import SignSteps

        return SignSteps(parameters, self.lr, self.weight_decay, {"momentum": self.momentum})


class NBit(Stepper):
    """Adam whose update is rounded to N bits a tensor: the nearest of 2ᴺ − 1 even steps between ± its largest.

    Three bits, an update of (3, −1.4, 0.2): steps of 1, so (3, −1, 0). One bit is its sign.
    """

    kind: Literal["n_bit"] = "n_bit"
    bits: int = Field(4, ge=1, le=16, description="N, bits of the update of a weight")
    betas: tuple[float, float] = Field((0.9, 0.999), description="β₁, β₂: decay of the two moments")
    eps: float = Field(1e-8, gt=0, description="ε, which keeps the division from zero")

    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``."""
        from blur_pipeline.methods.elementwise import NBitSteps

        settings = {"bits": self.bits, "betas": self.betas, "eps": self.eps}
        return NBitSteps(parameters, self.lr, self.weight_decay, settings)
