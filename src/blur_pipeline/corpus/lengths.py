"""Rows that are longer than a model may see: named all at once, or left out and counted."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from blur_pipeline.config.errors import BadInputError

TooLong = Literal["drop", "error"]
SHOWN = 3


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
