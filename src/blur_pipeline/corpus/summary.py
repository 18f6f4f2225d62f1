"""The curation report: what was read, dropped and kept, with hashes and token statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from datasets import Dataset

REASONS = ("empty", "duplicate", "over-long")
OVERLAPPING = "overlapping"
"""A reason that only training sets have, and a holdout."""


def curation_summary(
    inventory: list[dict],
    raw_rows: pd.DataFrame,
    dropped: pd.DataFrame,
    counts: dict,
    tokens: Mapping[str, Dataset],
) -> dict:
    """A JSON-ready report of what models learn from: ``sources`` (with sha256), ``sets``, ``overlap`` and how many
    subjects are in forget and retain both; ``counts`` as of ``set_counts`` (separation.py)."""
    sets = _counts(raw_rows, dropped)
    for name, entry in sets.items():
        entry["dropped"][OVERLAPPING] = counts["overlapping"].get(name, 0)
    for name, kept in counts["kept"].items():
        sets.setdefault(name, {"read": None, "dropped": {}}).update(kept)
    for name, part in tokens.items():
        if len(part):
            sets.setdefault(name, {"read": None, "dropped": {}})["tokens"] = token_statistics(part)
    return {
        "sources": inventory,
        "sets": sets,
        "overlap": counts["overlap"],
        "subjects_in_forget_and_retain": counts["subjects_in_forget_and_retain"],
    }


def questions_summary(
    inventory: list[dict],
    raw_rows: pd.DataFrame,
    dropped: pd.DataFrame,
    evaluation: pd.DataFrame,
    too_long: pd.DataFrame,
    of_forget: pd.DataFrame,
) -> dict:
    """A JSON-ready report of what models are asked: ``sources``, ``sets``, and by set the rows that are asked
    (``evaluation``), those left out as over-long (``too_long``) and those of other sets that stand in the forget set
    (``of_forget``)."""
    rows, left_out, shared = (
        {k: int(v) for k, v in table["set"].value_counts(sort=False).items()}
        for table in (evaluation, too_long, of_forget)
    )
    return {
        "sources": inventory,
        "sets": _counts(raw_rows, dropped),
        "evaluation": {name: count - left_out.get(name, 0) for name, count in rows.items()},
        "too_long": left_out,
        "of_forget": shared,
    }


def lessons_summary(
    inventory: list[dict], raw_rows: pd.DataFrame, dropped: pd.DataFrame, forget: Dataset, further: Dataset
) -> dict:
    """A JSON-ready report of what unlearning alone learns from: ``sources``, ``sets`` with their tokens, and how many
    forget rows have each ``companion``."""
    sets = _counts(raw_rows, dropped) | {"forget": {"tokens": token_statistics(forget)}}
    of = further["set"][:]
    for name in dict.fromkeys(of):  # not by ``filter``, which writes into the folder that the set was read from
        part = further.select([i for i, its in enumerate(of) if its == name])
        sets[f"further.{name}"]["tokens"] = token_statistics(part)
    beside = [column.removesuffix("_input_ids") for column in forget.column_names if column.endswith("_input_ids")]
    companions = {name: sum(map(bool, forget[f"{name}_input_ids"])) for name in beside}
    return {"sources": inventory, "sets": sets, "companions": companions}


def merge_summaries(curation: dict, questions: dict, lessons: dict) -> dict:
    """All in one, as the report shows it: ``companions`` are those that there are, and the forget set has a second row
    where unlearning reads another variant or a part of it."""
    further = dict(lessons["sets"])
    forget = further.pop("forget")
    if forget["tokens"] != curation["sets"]["forget"].get("tokens"):
        further = {"forget (lessons)": {"read": None, "dropped": {}, **forget}} | further
    return {
        **curation,
        "sources": curation["sources"] + lessons["sources"] + questions["sources"],
        "sets": curation["sets"] | further | questions["sets"],
        "companions": {name: count for name, count in lessons["companions"].items() if count},
        "evaluation": questions["evaluation"],
        "too_long": questions["too_long"],
        "of_forget": questions["of_forget"],
    }


def _counts(raw_rows: pd.DataFrame, dropped: pd.DataFrame) -> dict[str, dict]:
    """Of each set the rows read, and the dropped ones by reason."""
    sets = {}
    for name in raw_rows["set"].drop_duplicates():
        gone = dropped.loc[dropped["set"] == name, "reason"].value_counts()
        counts = {reason: int(gone.get(reason, 0)) for reason in REASONS}
        sets[name] = {"read": int((raw_rows["set"] == name).sum()), "dropped": counts}
    return sets


def token_statistics(tokens: Dataset) -> dict[str, float]:
    """Sequences, tokens, supervised tokens, and the lengths' median, 95th percentile and maximum."""
    lengths = np.array([len(ids) for ids in tokens["input_ids"]])
    supervised = sum(int((np.asarray(labels)[1:] >= 0).sum()) for labels in tokens["labels"])
    return {
        "sequences": len(lengths),
        "tokens": int(lengths.sum()),
        "supervised": supervised,
        "median_length": float(np.median(lengths)),
        "p95_length": float(np.quantile(lengths, 0.95)),
        "max_length": int(lengths.max()),
    }


def summary_table(summary: dict) -> pd.DataFrame:
    """One row per set: rows read, dropped by reason and kept, subjects, and token statistics."""
    rows = [
        {
            "set": name,
            "rows read": entry["read"],
            **{f"dropped: {reason}": entry["dropped"].get(reason) for reason in (*REASONS, OVERLAPPING)},
            "rows kept": entry.get("kept"),
            "subjects": entry.get("subjects"),
            **entry.get("tokens", {}),
        }
        for name, entry in summary["sets"].items()
    ]
    return pd.DataFrame(rows).convert_dtypes()
