"""Evaluation rows a window at a time, so that no set is ever in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

BATCHES_IN_A_WINDOW = 16
"""Enough for sorting by length to save padding, few enough that little is lost where scoring is broken off."""


def windows(rows: Iterable[dict[str, Any]], tokens: int) -> Iterator[pd.DataFrame]:
    """``rows`` in their order, cut where ``tokens`` token ids are reached.

    All answers of a question stay together, and no window holds two sets: ``set`` and ``row_id`` tell.
    """
    members: list[dict[str, Any]] = []
    filled = 0
    for row in rows:
        if members and _key(row) != _key(members[-1]) and (filled >= tokens or row["set"] != members[-1]["set"]):
            yield pd.DataFrame(members)
            members, filled = [], 0
        members.append(row)
        filled += len(row["input_ids"])
    if members:
        yield pd.DataFrame(members)


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["set"], row["row_id"]
