"""Whom or what a row is about: rows of one subject are not independent."""

from __future__ import annotations

import pandas as pd

KEYS = ["set", "row_id"]


def document_of(row_ids: pd.Series) -> pd.Series:
    """The row that each of these examples is of: a block of a document is called by it, ``ROW/0``, ``ROW/1`` …"""
    return row_ids.str.replace(r"/\d+$", "", regex=True)


def with_subjects(examples: pd.DataFrame, evaluation_set: pd.DataFrame) -> pd.DataFrame:
    """``examples`` with a column ``subject``: the evaluation set's, or the row's own id where it names none.

    All blocks of a document are about one subject.
    """
    rows = examples.assign(row=document_of(examples["row_id"]))
    named = evaluation_set[[*KEYS, "subject"]].astype({"subject": object}).rename(columns={"row_id": "row"})
    joined = rows.merge(named, on=["set", "row"], how="left", validate="many_to_one")
    return joined.assign(subject=joined["subject"].fillna(joined["row"])).drop(columns="row")
