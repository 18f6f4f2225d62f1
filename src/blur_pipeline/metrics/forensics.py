"""Can somebody who has the model alone see that something was unlearned, or what?

The goal is what a retrained model shows, not that nothing can be told: what was forgotten too much is a trace as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from blur_pipeline.metrics.attacks import OTHER_ROWS, SIDES, Area, Rows, Scores, alike, lacking, scores_of
from blur_pipeline.statistics.intervals import METRIC_COLUMNS, Resampler, absent

MEASURES = ("probability", "fact_probability")
RANKED = "forensics.ranked_by_"


def forensic_metrics(
    examples: pd.DataFrame, retrained: pd.DataFrame, reason: str, resampler: Resampler
) -> pd.DataFrame:
    """``METRIC_COLUMNS`` from the examples of the unlearned and the retrained model, empty for the ``reason`` given.

    ``forensics.membership_gap.ATTACK``  |AUC(U) − AUC(R)| of each membership attack but ``reference``, which is R.
    ``forensics.ranked_by_MEASURE``      AUC of telling forget from holdout examples by how little U makes of their
                                         answers, or their facts alone: 1 where every forgotten one is less probable
                                         than any that it never knew, ½ where nothing can be told (the ranking of FUMA).
    ``….retrained``, ``….gap``           the same of R, which is the goal, and |AUC(U) − AUC(R)|.
    """
    if examples.empty:
        return pd.DataFrame(columns=METRIC_COLUMNS)
    if retrained.empty:
        return pd.DataFrame([absent("forensics", reason or "no retrained model")], columns=METRIC_COLUMNS)
    if not set(SIDES) <= set(examples["set"]):
        return pd.DataFrame([absent("forensics", "a membership attack needs a holdout set")], columns=METRIC_COLUMNS)
    examples, retrained = alike(examples, retrained)
    if not set(SIDES) <= set(examples["set"]):
        return pd.DataFrame([absent("forensics", OTHER_ROWS)], columns=METRIC_COLUMNS)
    rows = [*_gaps(examples, retrained, resampler)]
    for measure in MEASURES:
        rows += _ranking(examples, retrained, measure, resampler)
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


def _gaps(examples: pd.DataFrame, retrained: pd.DataFrame, resampler: Resampler) -> Iterator[dict]:
    ours, theirs, of = scores_of(examples), scores_of(retrained), Rows.of(examples, resampler)
    for name in ours:
        metric = f"forensics.membership_gap.{name}"
        if why := lacking(ours[name], name, "") or lacking(theirs.get(name), name, ""):
            yield absent(metric, why)
        else:
            yield _gap(metric, of.area(ours[name]), of.area(theirs[name]), of)


def _ranking(examples: pd.DataFrame, retrained: pd.DataFrame, measure: str, resampler: Resampler) -> list[dict]:
    metric = f"{RANKED}{measure}"
    ours, theirs = (frame.dropna(subset=[measure]) for frame in (examples, retrained))
    if not set(SIDES) <= set(ours["set"]):
        return [absent(metric, "no fact is marked on both sides")]
    ours, theirs = alike(ours, theirs)
    if not set(SIDES) <= set(ours["set"]):
        return [absent(metric, f"the retrained model has no {measure.replace('_', ' ')} on both sides")]
    of = Rows.of(ours, resampler)
    area, gold = (of.area(_values(frame, measure)) for frame in (ours, theirs))
    found = [of.row(metric, area), of.row(f"{metric}.retrained", gold)]
    return [*found, _gap(f"{metric}.gap", area, gold, of)]


def _gap(metric: str, ours: Area, theirs: Area, of: Rows) -> dict:
    """Its interval is that of the difference, folded at 0: resampled sizes of a difference are never 0."""
    row = of.apart(metric, np.subtract, ours, theirs)
    low, high = row["low"], row["high"]
    ends = {"low": 0.0 if low <= 0 <= high else min(abs(low), abs(high)), "high": max(abs(low), abs(high))}
    return row | {"value": abs(row["value"])} | ends


def _values(frame: pd.DataFrame, measure: str) -> Scores:
    """Of the forget and of the holdout examples: an AUC counts holdout values that lie above forget values."""
    return tuple(frame.loc[frame["set"] == name, measure].to_numpy(np.float64) for name in SIDES)
