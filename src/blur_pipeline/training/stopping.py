"""When to stop, and which weights to keep: unlearning collapses when it runs too long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from blur_pipeline.config.block import Block

Row = dict[str, float]
FORGET, RETAIN = "validation_forget_nll", "validation_retain_nll"


class Off(Block):
    """The whole schedule, without validation."""

    kind: Literal["off"] = "off"


class _Validating(Block):
    every: int = Field(10, gt=0, description="steps between validations")
    rows: int = Field(32, gt=0, description="sequences of each side to validate on")


class Fixed(_Validating):
    """The first ``steps`` of the schedule, whose learning-rate curve stays that of the whole; validated."""

    kind: Literal["fixed"] = "fixed"
    steps: int = Field(gt=0, description="steps to take")


class Best(_Validating):
    """Keep the validated weights that forget most among those within the bound on the retain loss.

    Losses are mean token NLLs in nats. Training ends where ``patience`` validations in a row found the retain
    loss more than ``collapse`` above its start.
    """

    kind: Literal["best"] = "best"
    retain_bound: float = Field(0.1, gt=0, description="nats per token that the retain loss may rise")
    collapse: float = Field(1.0, gt=0, description="nats per token of a retain loss beyond hope")
    patience: int = Field(2, ge=1, description="validations in a row beyond hope that end the training")

    def best_step(self, start: Row, history: list[Row]) -> int:
        """Steps done at the best validation: retain losses 1.0 (start), 1.05, 1.3 with forget losses 2, 5 give 1.

        Where none is within the bound, the one with the least retain loss; 0 where nothing was validated.
        """
        seen = [(i + 1, row) for i, row in enumerate(history) if RETAIN in row]
        within = [(done, row) for done, row in seen if row[RETAIN] <= start[RETAIN] + self.retain_bound]
        if within:
            return max(within, key=lambda x: x[1][FORGET])[0]
        return min(seen, key=lambda x: x[1][RETAIN])[0] if seen else 0

    def collapsed(self, start: Row, history: list[Row]) -> bool:
        """Whether the last ``patience`` validations were all beyond hope."""
        last = [row[RETAIN] for row in history if RETAIN in row][-self.patience :]
        return len(last) == self.patience and min(last) > start[RETAIN] + self.collapse


Stopping = Annotated[Off | Fixed | Best, Field(discriminator="kind")]
