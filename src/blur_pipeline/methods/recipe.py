"""A method: one choice for each of the six slots."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from blur_pipeline.methods.choice import Choice, Loss, Penalty
from blur_pipeline.methods.gradient import Backprop, GradientEstimator
from blur_pipeline.methods.losses import ForgetLoss, RetainLoss
from blur_pipeline.methods.optimizer import AdamW, OptimizerChoice
from blur_pipeline.methods.retain import NLL
from blur_pipeline.methods.scope import AllWeights, Scope
from blur_pipeline.methods.weighting import Sum, Weighting

SIDES = ("forget", "retain")


def _several(value: Any) -> Any:
    """One loss may stand without a list; ``{kind: none}``, which can take the place of another in YAML, is none."""
    if value is None or (isinstance(value, dict) and value.get("kind") == "none"):
        return ()
    return (value,) if isinstance(value, dict | Loss | Penalty) else value


def _plain(losses: tuple[Loss | Penalty, ...]) -> Any:
    return losses[0].model_dump() if len(losses) == 1 else [loss.model_dump() for loss in losses]


_ONE_OR_MORE = (BeforeValidator(_several), PlainSerializer(_plain))


class Recipe(Choice):
    """Six slots. A side is the weighted sum of its losses, or empty: without ``forget`` it is plain training, as for
    target and retrained models; without ``retain`` nothing holds the model."""

    forget: Annotated[tuple[ForgetLoss, ...], *_ONE_OR_MORE] = Field(
        (), description="the loss lowered on the forget set, or several with weights"
    )
    retain: Annotated[tuple[RetainLoss, ...], *_ONE_OR_MORE] = Field(
        (NLL(),), description="the loss that keeps the model useful, or several with weights; {kind: none} for none"
    )
    gradient: GradientEstimator = Field(Backprop(), description="how the forget gradient is taken")
    weighting: Weighting = Field(Sum(), description="how the two gradients become one direction")
    scope: Scope = Field(AllWeights(), description="which weights may move")
    optimizer: OptimizerChoice = Field(AdamW(), description="the step taken along the direction")

    @model_validator(mode="after")
    def _decays_alike(self) -> Recipe:
        """Where single elements rest, masks decay the weights (training/masks.py); this optimizer has two of each."""
        if self.optimizer.kind == "schedule_free" and self.optimizer.weight_decay and self.scope.rests:
            raise ValueError(
                "a schedule-free optimizer decays two copies of the weights, of which the scope "
                f"'{self.scope.kind}' masks one; give optimizer.weight_decay 0"
            )
        return self

    def losses(self) -> list[tuple[str, str, Loss]]:
        """``(side, set, loss)`` of every loss."""
        sides = [(side, loss) for side in SIDES for loss in getattr(self, side)]
        return [(side, loss.on or side, loss) for side, loss in sides if isinstance(loss, Loss)]

    def penalties(self, side: str) -> list[Penalty]:
        """The prices on the weights of one side."""
        return [price for price in getattr(self, side) if isinstance(price, Penalty)]

    def sets(self) -> list[str]:
        """The sets that it learns from, each once."""
        return list(dict.fromkeys(name for _, name, _ in self.losses()))

    def companions(self, scored: bool = False) -> list[str]:
        """The other answers that forget rows must bring along; of them those that θ₀ has to score first."""
        losses = [loss for _, _, loss in self.losses() if not scored or loss.needs == "reference_logprobs"]
        return sorted({name for loss in losses for name in loss.companions})

    def measures(self, name: str) -> bool:
        """Whether a loss takes its level from the set of that name, which need not be one that it learns from."""
        return any(loss.measures == name for _, _, loss in self.losses())

    def needs(self, what: str) -> bool:
        """Whether a loss needs ``reference_logprobs`` or the ``reference_model``."""
        return any(loss.needs == what for _, _, loss in self.losses())

    def refuses(self, precision: str) -> str | None:
        """Why it cannot be trained in this precision, in a sentence."""
        if self.gradient.shifts and precision != "fp32":
            return (
                f"the gradient estimator '{self.gradient.kind}' moves the weights by less than bfloat16 can hold; give "
                f"training.precision fp32 instead of {precision}"
            )
        return None
