"""Parameters ``comparison``: what the leaderboard ranks by."""

from __future__ import annotations

from pydantic import Field, field_validator

from blur_pipeline.config.block import Block


class Yardstick(Block):
    """A metric of forgetting, and where it should come to lie: its gap is \\|value − reference\\| / scale."""

    metric: str = Field(description="the metric's name, as in the report")
    to: float | None = Field(None, description="the reference, such as chance; null: the retrained model's value")
    without_retrained: float = Field(0.0, description="the reference where 'to' is null and there is no such model")
    scale: float = Field(1.0, gt=0, description="a gap of this much counts as 1")
    optional: bool = Field(False, description="left out where not every run has it, as where no fact is marked")


class Comparison(Block):
    """What the leaderboard ranks finished runs by.

    The distance of a run is the largest gap of ``distance`` and of all membership attacks: a model has forgotten no
    better than the measure shows that gives it away most.
    """

    distance: list[Yardstick] = Field(
        default_factory=lambda: [Yardstick(metric="forget.probability"), Yardstick(metric="forget.rouge")],
        min_length=1,
        description="the metrics of forgetting that make the distance",
    )
    attack_scale: float | None = Field(
        0.5, gt=0, description="a gap of this much in a membership attack's AUC counts as 1; null leaves attacks out"
    )
    utility: str = Field("model_utility", description="higher is better: what should be kept of the target model")
    utility_chance: float = Field(0.0, description="what a model without any ability gives")
    floor: float = Field(
        0.8, ge=0, le=1, description="share of the target's utility above chance; below it a model is wrecked"
    )
    shown: list[str] = Field(
        default_factory=lambda: [
            *("forget.probability", "forget.rouge", "forget_quality", "retain.probability", "retain.rouge")
        ],
        description="further metrics in the leaderboard",
    )

    @field_validator("distance")
    @classmethod
    def _some_is_everywhere(cls, distance: list[Yardstick]) -> list[Yardstick]:
        """Where no run had any of them, there would be nothing to rank by."""
        if all(stick.optional for stick in distance):
            raise ValueError("every measure is optional, and there may be none left; give one without 'optional'")
        return distance
