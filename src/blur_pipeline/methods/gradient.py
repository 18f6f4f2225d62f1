"""How the gradient of a loss is taken at θ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from blur_pipeline.methods.choice import Estimator, Gradient, Probe

if TYPE_CHECKING:
    from torch import Tensor


class Backprop(Estimator):
    """The gradient at θ itself."""

    kind: Literal["backprop"] = "backprop"

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """One pass forward and backward."""
        return probe.gradient()


GradientEstimator = Backprop
