"""How the gradient of a loss is taken at θ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Estimator, Gradient, Probe
from blur_pipeline.methods.perturbed import SAM, Curvature, GradientPenalty, Smoothing
from blur_pipeline.methods.tamper import TamperResistance
from blur_pipeline.methods.zeroth import Coordinate, Hybrid, TwoPoint

if TYPE_CHECKING:
    from torch import Tensor


class Backprop(Estimator):
    """The gradient at θ itself."""

    kind: Literal["backprop"] = "backprop"

    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """One pass forward and backward."""
        return probe.gradient()


GradientEstimator = Annotated[
    Backprop | SAM | Smoothing | GradientPenalty | Curvature | TwoPoint | Coordinate | Hybrid | TamperResistance,
    Field(discriminator="kind"),
]
