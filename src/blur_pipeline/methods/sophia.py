"""The clipped second-order step of SOUL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.methods.stepper import Stepper

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class Sophia(Stepper):
    """Sophia (Liu et al., arXiv 2305.14342, algorithm 3), SOUL's optimizer (Jia et al., arXiv 2404.18239).

    m ← β₁m + (1−β₁)g; every k steps h ← β₂h + (1−β₂)·g²; θ moves by lr·clip(m/max(γh, ε), 1). The square of the
    combined direction g stands for the paper's B·ĝ² of sampled labels, which an optimizer never sees; B is in γ.
    g = 2 in the first step: m = 0.08, h = 0.04, and γ = 4 gives ½.
    ``form`` soul: as SOUL's code has it, h and m both in every step, m twice with the same g.
    """

    kind: Literal["sophia"] = "sophia"
    betas: tuple[float, float] = Field((0.96, 0.99), description="β₁, β₂: decay of m and of h")
    gamma: float = Field(204.8, gt=0, description="γ·B; 0.04 × 5120 in SOUL's code")
    eps: float = Field(1e-12, gt=0, description="ε, which keeps the division from zero")
    every: int = Field(10, ge=1, description="k, steps from one h to the next")
    form: Literal["paper", "soul"] = Field("paper", description="as the paper has it, or as SOUL's code does")

    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``."""
        from blur_pipeline.methods.elementwise import SophiaSteps

        settings = self.model_dump(include={"betas", "gamma", "eps", "every", "form"})
        return SophiaSteps(parameters, self.lr, self.weight_decay, settings)
