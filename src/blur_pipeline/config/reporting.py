"""Parameters ``reporting``: what the report shows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from blur_pipeline.config.block import Block


class Published(Block):
    """Numbers from the literature, shown beside ours and never mixed with them."""

    source: str = Field("", description="where the numbers stand")
    values: dict[str, dict[str, float]] = Field(default_factory=dict, description="row → metric → value")


class Reporting(Block):
    """What the report shows, and how the model is handed to MLflow."""

    published: Published = Published()

    examples: int = Field(
        0, ge=0, le=1000, description="forget questions shown with the answers before and after: personal data, if real"
    )
    limit: float = Field(
        0.2, gt=0, le=1, description="of the largest gap (comparison.distance) up to which a model counts as forgotten"
    )
    residual_limit: float | None = Field(
        0.2,
        ge=0,
        lt=1,
        description="of worst-case residual knowledge under attack (stress): a model above it counts as not "
        "forgotten where its whole interval lies above, and else as not decidable; null: attacks are told and decide "
        "nothing",
    )
    register_model: Literal["copy", "reference", "none"] = Field(
        "copy",
        description="in MLflow's registry the unlearned model with a copy of its weights, its address, or nothing",
    )
