"""How long to train, in what portions and how fast."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from blur_pipeline.config.block import Block

Curve = Literal["constant", "constant_with_warmup", "linear", "cosine"]


class Schedule(Block):
    """Length, batches, learning-rate curve and clipping of one training.

    An epoch is one pass over the forget set, or over the retain set where there is nothing to forget. Where topics
    alternate, it is as many steps, in which a small topic is passed more often than a large one.
    """

    epochs: float | None = Field(10, gt=0, le=10_000, description="passes over the set, of which a fraction will do")
    steps: int | None = Field(None, gt=0, le=10_000_000, description="instead of epochs")
    batch_size: int = Field(32, gt=0, le=2**16, description="sequences of each side in a step")
    lr_curve: Curve = Field("linear", description="how the learning rate goes on after the warm-up")
    warmup_epochs: float = Field(0, ge=0, le=10_000, description="epochs over which the learning rate rises from 0")
    topics: Literal["mixed", "alternate"] = Field(
        "mixed", description="of sets with several: drawn from as one set, or one topic a step by turns"
    )
    max_grad_norm: float | None = Field(1.0, gt=0, description="clips the combined direction")

    @model_validator(mode="after")
    def _one_length(self) -> Schedule:
        if self.epochs is None and self.steps is None:
            raise ValueError("give epochs or steps")
        return self

    def total_steps(self, rows: int) -> int:
        """Optimizer steps for an epoch of ``rows`` sequences."""
        return self.steps or max(1, math.ceil(self.epochs * self.steps_per_epoch(rows)))

    def steps_per_epoch(self, rows: int) -> int:
        """Batches in one pass; the last may be smaller."""
        return math.ceil(rows / self.batch_size)

    def warmup_steps(self, rows: int) -> int:
        """Optimizer steps of the linear warm-up, short of the whole training."""
        wanted = math.ceil(self.warmup_epochs * self.steps_per_epoch(rows))
        return min(wanted, self.total_steps(rows) - 1)
