"""A long chain of thought, cut down to how it begins and how it ends."""

from __future__ import annotations

import re

from pydantic import Field

from blur_pipeline.config.block import Block


class Condensed(Block):
    """Of each text the first and the last words; what lies between becomes "…"."""

    first: int = Field(gt=0, description="words that stay at the beginning")
    last: int = Field(gt=0, description="words that stay at the end")

    def __call__(self, text: str) -> str:
        """``text`` itself where it is no longer than that."""
        words = [match.span() for match in re.finditer(r"\S+", text)]
        if len(words) <= self.first + self.last:
            return text
        return f"{text[: words[self.first - 1][1]]} … {text[words[-self.last][0] :]}"
