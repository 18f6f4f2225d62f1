"""Parameters ``shadows``: how many models a distribution over trainings is made of."""

from __future__ import annotations

from pydantic import Field

from blur_pipeline.config.block import Block


class Shadows(Block):
    """Shadow models: the same world with further seeds of the training, each unlearned, each beside a retrained one."""

    models: int = Field(
        16,
        ge=4,
        le=1000,
        description="of the pipeline shadows, unlearned and retrained each, of the seeds models.seed and up",
    )
