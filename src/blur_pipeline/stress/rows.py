"""The questions that are attacked, and those beside them, out of the evaluation's tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blur_pipeline.metrics.subjects import document_of
from blur_pipeline.stress.choice import Asked

TEXTS = ["question", "answer", "paraphrased_question", "fact"]


def asked_of(tokens: Any, rows: pd.DataFrame, sets: tuple[str, ...], most: int, seed: int) -> Asked | None:
    """The plain answers of ``sets``, at most ``most`` of them, drawn by ``seed`` and in their order; None without any.

    ``tokens`` as by ``tokenise_evaluation``, ``rows`` the evaluation set, whose texts and subjects are joined to it; a
    row that names no subject is a subject of its own, and so is a document with all its blocks.
    """
    from blur_pipeline.models.examples import Examples

    frame = pd.DataFrame(_answers(tokens, sets))
    if frame.empty:
        return None
    kept = sorted(np.random.default_rng([seed, 3]).permutation(len(frame))[:most])
    frame = frame.iloc[kept].reset_index(drop=True)
    texts = rows[["set", "row_id", "subject", *TEXTS]].astype({"subject": object}).rename(columns={"row_id": "row"})
    frame["row"] = document_of(frame["row_id"])
    frame = frame.merge(texts, on=["set", "row"], how="left", validate="many_to_one")
    frame["subject"] = frame["subject"].fillna(frame["row"])
    frame["answer"] = frame["answer"].where(frame["row"] == frame["row_id"], frame["text"])  # a block's is its own
    examples = Examples.from_columns(frame["input_ids"], frame["labels"])
    facts = frame[["fact_start", "fact_end"]].to_numpy(np.int64)
    table = frame[["set", "row_id", "subject", *TEXTS]].reset_index(drop=True)
    return Asked(table, examples, facts, np.arange(len(frame)))


def as_many(tokens: Any, sets: tuple[str, ...], most: int) -> int:
    """How many rows each of ``sets`` can give, at most ``most``; a set without any is none of them.

    Where one set is attacked as the control of another, an epoch must be as long: a training of so many steps would
    go over the smaller one more often.
    """
    return min([most, *(found for name in sets if (found := len(_answers(tokens, (name,)))))])


def _answers(tokens: Any, sets: tuple[str, ...]) -> list[dict]:
    return [row for row in tokens if row["set"] in sets and row["variant"] == "answer"]
