"""A method: one choice for each of the six slots."""

from __future__ import annotations

from pydantic import model_validator

from blur_pipeline.methods.choice import Choice
from blur_pipeline.methods.forget import ForgetLoss
from blur_pipeline.methods.gradient import Backprop, GradientEstimator
from blur_pipeline.methods.optimizer import AdamW, OptimizerChoice
from blur_pipeline.methods.retain import NLL, RetainLoss
from blur_pipeline.methods.scope import AllWeights, Scope
from blur_pipeline.methods.weighting import Sum, Weighting


class Recipe(Choice):
    """Six slots. ``forget=None`` is plain training on the retain side, as for target and retrained models."""

    forget: ForgetLoss | None = None
    retain: RetainLoss = NLL()
    gradient: GradientEstimator = Backprop()
    weighting: Weighting = Sum()
    scope: Scope = AllWeights()
    optimizer: OptimizerChoice = AdamW()

    @model_validator(mode="after")
    def _metric_exists(self) -> Recipe:
        if getattr(self.weighting, "metric", "plain") == "adam" and self.optimizer.kind != "adamw":
            raise ValueError(f"weighting.metric 'adam' needs the optimizer 'adamw', not '{self.optimizer.kind}'")
        return self
