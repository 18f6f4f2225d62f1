"""What values of a setting a campaign may try."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from blur_pipeline.config.block import Block

Number = int | float
Value = bool | int | float | str
DIGITS = 3
"""Significant digits of a value that is tried: a finer one is neither worth a run nor copied without a slip."""


class Range(Block):
    """One of: from ``low`` to ``high``; one of ``choices``; ``around`` a preset's own value.

    Whole numbers at both ends mean whole numbers between them. ``{around: 4}`` of a learning rate 1e-5 is from 2.5e-6
    to 4e-5, on a log scale: it holds for a preset whichever environment sets its value.
    """

    low: Number | None = Field(None, description="the least value")
    high: Number | None = Field(None, description="the greatest value")
    log: bool = Field(False, description="evenly on a log scale")
    choices: list[Value] | None = Field(None, min_length=1, description="the values to choose among")
    around: float | None = Field(None, gt=1, description="the value over this to the value times this")

    @model_validator(mode="after")
    def _one_form(self) -> Range:
        ends = (self.low is not None) + (self.high is not None)
        if (ends > 0) + (self.choices is not None) + (self.around is not None) != 1 or ends == 1:
            raise ValueError("give low and high, or choices, or around, and one of these alone")
        if ends and not self.low < self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        if ends and self.log and self.low <= 0:
            raise ValueError("a log scale needs low above 0")
        if self.choices is not None and len(set(map(repr, self.choices))) < len(self.choices):
            raise ValueError("a choice stands twice")
        return self

    def of(self, own: Any) -> Range:
        """With both ends, or choices, where the preset's own value is ``own``; ValueError where it is no such value."""
        if self.around is None:
            return self
        if isinstance(own, bool) or not isinstance(own, int | float) or own <= 0:
            raise ValueError(f"there is no positive number to be around, but {own}")
        if isinstance(own, int):
            return Range(low=max(1, round(own / self.around)), high=max(2, round(own * self.around)), log=True)
        return Range(low=tidy(own / self.around), high=tidy(own * self.around), log=True)

    @property
    def whole(self) -> bool:
        """Whether the values between the ends are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def ends(self) -> list[Value]:
        """The values that lie outermost, or every choice: where these are allowed, all of them are."""
        return [self.low, self.high] if self.choices is None else list(self.choices)

    def holds(self, value: Any) -> bool:
        """Whether a campaign could come to try ``value``."""
        if self.choices is not None:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and (not self.whole or value == int(value))

    def at(self, share: float) -> Value:
        """The value at a share, 0 to below 1, of the way through: ½ of 1e-5 to 1e-3 on a log scale is 1e-4."""
        if self.choices is not None:
            return self.choices[int(share * len(self.choices))]
        if self.whole and not self.log:
            return self.low + int(share * (self.high - self.low + 1))
        factor, step = self.high / self.low if self.log else 1.0, self.high - self.low
        return self.tried(self.low * factor**share if self.log else self.low + share * step)

    def tried(self, value: Value) -> Value:
        """A value as it is tried: whole, or short, and within the ends."""
        if self.choices is not None:
            return value
        return round(value) if self.whole else min(max(tidy(value), self.low), self.high)


def tidy(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.{DIGITS}g}")


def by_learning_rate() -> dict[str, Range]:
    """What a campaign varies of a preset that says nothing."""
    return {"optimizer.lr": Range(around=4.0)}
