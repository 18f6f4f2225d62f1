"""Whom or what a row is about: rows of one subject are not independent."""

from __future__ import annotations

import pandas as pd

KEYS = ["set", "row_id"]


def with_subjects(examples: pd.DataFrame, evaluation_set: pd.DataFrame) -> pd.DataFrame:
    """``examples`` with a column ``subject``: the evaluation set's, or the row's own id where it names none."""
    named = evaluation_set[[*KEYS, "subject"]].astype({"subject": object})
    joined = examples.merge(named, on=KEYS, how="left", validate="one_to_one")
    return joined.assign(subject=joined["subject"].fillna(joined["row_id"]))
