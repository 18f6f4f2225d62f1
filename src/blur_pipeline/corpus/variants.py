"""The forget set as somebody may hand it over who cannot or will not give its very text (arXiv 2510.09007).

What models learnt is the text itself; what is unlearned is its variant. A watermarked one is made by the model that
rewrites the text while it writes, so it comes as a column of its own (``rewritten``).
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from blur_pipeline.config.block import Block
from blur_pipeline.config.errors import BadInputError

WORD = re.compile(r"(\s*)(\S+)")
"""A word and the space before it."""


class Masked(Block):
    """A share of each answer's words is hidden; up to 0.3 forgetting was found to hold."""

    kind: Literal["masked"] = "masked"
    share: float = Field(0.3, gt=0, le=1, description="of the words of each answer, rounded")
    mask: str | None = Field("[MASK]", min_length=1, description="what stands in their places; null: they are left out")

    def __call__(self, rows: pd.DataFrame, seed: int) -> pd.DataFrame:
        """The same rows with other answers, each a function of its row's name and the seed."""
        return rows.assign(answer=[self._hidden(r.answer, f"{seed}/{r.row_id}") for r in rows.itertuples()])

    def _hidden(self, text: str, draw: str) -> str:
        words = WORD.findall(text)
        count = round(self.share * len(words))
        if self.mask is None:
            count = min(count, len(words) - 1)  # an answer of no words would teach to say nothing
        hidden = set(random.Random(draw).sample(range(len(words)), count))
        mask = lambda gap: "" if self.mask is None else f"{gap}{self.mask}"
        return "".join(mask(gap) if i in hidden else gap + word for i, (gap, word) in enumerate(words)).lstrip()


class Rewritten(Block):
    """A share of the answers stands there in other words, out of a column of the source."""

    kind: Literal["rewritten"] = "rewritten"
    share: float = Field(1.0, gt=0, le=1, description="of the rows, rounded up")
    column: Literal["paraphrased_answer", "alternative_answer"] = Field(
        "paraphrased_answer", description="where the other words stand"
    )

    def __call__(self, rows: pd.DataFrame, seed: int) -> pd.DataFrame:
        """The same rows, those drawn with other answers.

        Raises:
            BadInputError: one of them has none.
        """
        drawn = rows["row_id"].isin(drawn_share(rows["row_id"].tolist(), self.share, seed))
        lacking = rows[drawn & rows[self.column].isna()]
        if len(lacking):
            first = lacking.iloc[0]
            raise BadInputError(
                f"{first['source']}, line {first['line']}: no '{self.column}', which curation.forget_variant wants of "
                f"{len(lacking)} row(s) that have none; name the column of rewritten answers as "
                f"'sources.forget.columns.{self.column}'."
            )
        return rows.assign(answer=rows["answer"].where(~drawn, rows[self.column]))


Variant = Annotated[Masked | Rewritten, Field(discriminator="kind")]


def drawn_share(names: list[str], share: float, seed: int) -> set[str]:
    """So many of these names, at least one, drawn by the seed; a smaller share is part of a larger one."""
    ordered = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    return set(ordered[: count_of(share, len(names))])


def count_of(share: float, total: int) -> int:
    """A share of a set, rounded up."""
    return max(1, math.ceil(share * total - 1e-9))
