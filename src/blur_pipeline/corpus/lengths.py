"""Rows that are longer than a model may see or may answer: named all at once, or left out and counted."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pandas as pd

from blur_pipeline.config.errors import BadInputError

TooLong = Literal["drop", "error"]
SHOWN = 3
FEW = 0.2
"""Share of the forget answers that may be longer than a generated one without a word about it."""
log = logging.getLogger(__name__)


def refuse_long(rows: pd.DataFrame, max_length: int, too_long: TooLong) -> None:
    """Raise BadInputError where over-long rows may not be left out; ``rows`` are those, with their ``tokens``.

    With ``error`` none may. Of the forget set (``set``) none ever may: what is left out is never unlearned.
    """
    forget = rows[rows["set"] == "forget"]
    refused = rows if too_long == "error" else forget
    if refused.empty:
        return
    shown = [f"{r.source}, line {r.line} ({r.tokens} tokens)" for r in refused.head(SHOWN).itertuples()]
    more = f" and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
    mend = "raise the limit" if len(forget) else "raise the limit or set curation.too_long to drop"
    why = "; a forget row that is left out would never be unlearned" if len(forget) else ""
    raise BadInputError(
        f"{len(refused)} row(s) over curation.max_length = {max_length} tokens: {'; '.join(shown)}{more}{why}; shorten "
        f"them or {mend}."
    )


def warn_of_cut_answers(tokens: Iterable[Mapping[str, Any]], limit: int) -> None:
    """Say so where generated answers will end before many of the forget set's do: ROUGE is then low for every model.

    ``tokens`` as by ``tokenise_evaluation``; a document is no answer, and has no end-of-sequence token.
    """
    answers = (row for row in tokens if row["set"] == "forget" and row["variant"] == "answer" and row["ends"])
    lengths = [sum(label >= 0 for label in row["labels"]) for row in answers]
    longer = sum(length > limit for length in lengths)
    if longer > FEW * len(lengths):
        log.warning(
            "%d of %d forget answers have more than evaluation.max_new_tokens = %d tokens (the longest %d): generated "
            "ones end there, and ROUGE is low for every model; raise it",
            longer, len(lengths), limit, max(lengths),
        )  # fmt: skip


def warn_of_blocks(share: float, blocks: int | None) -> None:
    """Say so where less is looked at of the forget set's documents than was learnt, a ``share`` of their tokens."""
    if share < 1:
        log.warning(
            "%.1f %% of the tokens of the forget documents are looked at (curation.evaluation_blocks = %s of each): "
            "what a model still knows of the rest, nobody sees; raise it, or leave it out for all",
            100 * share, blocks,
        )  # fmt: skip
