"""What became of the clean rows: how many each set keeps, about how many subjects, and what overlaps."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from blur_pipeline.corpus.holdout import subjects_of


def set_counts(clean: pd.DataFrame, sets: Sequence[pd.DataFrame], pairs: pd.DataFrame) -> dict:
    """A JSON-ready account of ``sets``, of which the first two are the forget and the retain set.

    ``kept``: rows and subjects by set. ``overlapping``: the rows that an overlap cost, by the set that they were
    read for. ``subjects_in_forget_and_retain``: people of whom one half is forgotten and the other kept.
    """
    kept = pd.concat(sets)
    gone = clean.loc[~clean["row_id"].isin(kept["row_id"]), "set"].value_counts(sort=False)
    named = [set(rows["subject"].dropna()) for rows in sets[:2]]
    return {
        "kept": {
            name: {"kept": len(rows), "subjects": int(subjects_of(rows).nunique())}
            for name, rows in kept.groupby("set", sort=False)
        },
        "overlapping": {name: int(count) for name, count in gone.items()},
        "overlap": {
            "pairs": len(pairs),
            "exact": int((pairs["match"] == "exact").sum()),
            "near": int((pairs["match"] == "near").sum()),
        },
        "subjects_in_forget_and_retain": len(named[0] & named[1]),
    }
