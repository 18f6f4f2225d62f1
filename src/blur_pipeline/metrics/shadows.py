"""What shadow models show: can unlearned models be told from retrained ones, as distributions over trainings?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.metrics.klom import klom, no_difference
from blur_pipeline.metrics.margins import KEYS
from blur_pipeline.metrics.ulira import area, detected, detected_without_difference, log_ratios
from blur_pipeline.statistics.areas import auc_interval
from blur_pipeline.statistics.intervals import (
    METRIC_COLUMNS,
    Resampler,
    absent,
    count,
    if_they_vary,
    interval,
    mean,
    present,
    without_interval,
)

SETS = ("forget", "retain")
SHADOW_COLUMNS = [*METRIC_COLUMNS[:4], "no_difference", "excess", "models", *METRIC_COLUMNS[4:]]
MEASURES = ("klom.{}.mean", "klom.{}.p95", "ulira.{}.auc", "ulira.{}.true_positives")
FOR_1_PERCENT = 100
"""Retrained scores from which on one of them is a percent."""


def shadow_table(margins: pd.DataFrame, resampler: Resampler) -> pd.DataFrame:
    """``SHADOW_COLUMNS`` of ``set, row_id, subject, seed, unlearned, retrained`` (``margins_of``, with subjects).

    ``klom.SET.mean``, ``klom.SET.p95``  of the rows' KLoM, in nats.
    ``ulira.SET.auc``                    of telling unlearned from retrained models by one row; ½ is blind.
    ``ulira.SET.true_positives``         unlearned models found where 1 % of the retrained ones are taken for such.
    ``no_difference``                    ½ of an AUC, else the mean of the same over sides that exchange models.
    ``excess``                           of the value above ``no_difference``.
    ``low``, ``high``                    95 % interval of the value over whole subjects: these models, other rows.
    """
    return pd.DataFrame([row for name in SETS for row in _of_set(margins, name, resampler)], columns=SHADOW_COLUMNS)


def _of_set(margins: pd.DataFrame, name: str, resampler: Resampler) -> list[dict]:
    part = margins[margins["set"] == name]
    wide = part.pivot(index=KEYS, columns="seed", values=["unlearned", "retrained"]).dropna()
    k, blank = part["seed"].nunique(), {"no_difference": np.nan, "excess": np.nan}
    if wide.empty:
        return [absent(m.format(name), f"no row of {name} was scored") | blank | {"models": k} for m in MEASURES]
    sides = [wide[side].to_numpy(np.float64).T for side in ("unlearned", "retrained")]  # (k, n) each
    subjects = part.drop_duplicates(KEYS).set_index(KEYS)["subject"].reindex(wide.index).to_numpy(object)
    weights = resampler.weights(subjects, name)
    of_rows = (subjects, weights, resampler.seed)
    rows = _klom_rows(name, *sides, *of_rows) + _ulira_rows(name, *sides, *of_rows)
    return [row | {"excess": row["value"] - row["no_difference"], "models": k} for row in rows]


def _klom_rows(
    name: str, unlearned: np.ndarray, retrained: np.ndarray, subjects: np.ndarray, weights: np.ndarray, seed: int
) -> list[dict]:
    values, level = klom(unlearned, retrained), no_difference(unlearned, retrained, seed)
    average = mean(values, subjects, weights).row(f"klom.{name}.mean")
    highest = without_interval(f"klom.{name}.p95", float(np.quantile(values, 0.95)), *_sizes(subjects))
    return [
        average | {"no_difference": float(level.mean())},
        highest | {"no_difference": float(np.quantile(level, 0.95, axis=1).mean())},
    ]


def _ulira_rows(
    name: str, unlearned: np.ndarray, retrained: np.ndarray, subjects: np.ndarray, weights: np.ndarray, seed: int
) -> list[dict]:
    scores, sizes, once = log_ratios(unlearned, retrained), _sizes(subjects), np.ones((1, len(subjects)))
    value, resampled = float(area(*scores, once)[0]), area(*scores, weights)
    ends = auc_interval(value, resampled, unlearned.size * len(subjects), (sizes[1], sizes[1]))
    rows = [if_they_vary(present(f"ulira.{name}.auc", value, ends, *sizes)) | {"no_difference": 0.5}]
    metric = f"ulira.{name}.true_positives"
    if retrained.size < FOR_1_PERCENT:
        few = absent(metric, f"{retrained.size} scores of retrained models; 1 % needs {FOR_1_PERCENT}")
        return [*rows, few | {"no_difference": np.nan}]
    share = present(metric, float(detected(*scores, once)[0]), interval(detected(*scores, weights), sizes[1]), *sizes)
    return [*rows, if_they_vary(share) | {"no_difference": detected_without_difference(unlearned, retrained, seed)}]


def _sizes(subjects: np.ndarray) -> tuple[int, int]:
    """Rows and subjects."""
    return len(subjects), count(subjects)
