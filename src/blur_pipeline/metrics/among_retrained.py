"""A model among several retrained ones: is it further from them than they are from each other?

Two models that never saw the forget set differ too, by their seed. A single retrained model cannot show by how much;
several can, example by example, and what a set's mean or its distribution hides does not cancel there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from blur_pipeline.metrics.attacks import SIDES, Rows
from blur_pipeline.metrics.examples import of_scores
from blur_pipeline.metrics.likeness import IN_NATS, KEYS
from blur_pipeline.statistics.intervals import Resampler, absent, count, without_interval

FEWEST = 4
"""Retrained models: z² of a value among k − 1 others has a mean from k = 4 on (F with k − 1 degrees of freedom)."""
OWN_SPREAD = 16
"""From so many on each example has a standard deviation of its own in ``lira``; below, all share one."""
HOLDOUT_FOR_1_PERCENT = 100
COLUMNS = ["seed", *KEYS, "nll", "truth_ratio", "fact_probability"]


def values_of_seeds(scores: Iterable[tuple[int, pd.DataFrame]]) -> pd.DataFrame:
    """``COLUMNS`` of the forget and holdout examples, from the token scores of each seed's retrained model."""
    parts = [of_scores(frame).reset_index().assign(seed=seed).reindex(columns=COLUMNS) for seed, frame in scores]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def among_rows(
    examples: pd.DataFrame, retrained: pd.DataFrame, further: pd.DataFrame, resampler: Resampler
) -> list[dict]:
    """Rows of the metrics table; none where there is one retrained model alone, or for that model itself.

    ``further`` are the ``values_of_seeds`` of the retrained models beside ``retrained``; k counts them all.

    ``among_retrained.models``  k.
    ``among_retrained.M``  mean z² over the forget examples: (M less the mean of the k retrained models' M)² over their
                           variance; M is the log truth ratio, the NLL and the NLL of the fact, in nats. Of a
                           model that is one more of them: (1 + 1/k)·(k − 1)/(k − 3) for normal noise.
    ``….lowest``, ``….highest``  the same of each retrained model among the k others, the model itself being one.
    ``….p``                share of the k + 1 models whose z² is as high as this one's: exact where the model could
                           be any of them, and never below 1/(k + 1).
    ``among_retrained.lira``  AUC of the forget against the holdout examples by the offline likelihood ratio (Carlini
                           et al., arXiv 2112.03570): how far the log-odds of an answer, log(p/(1 − p)), lie above
                           those of the k models that never saw it, in their standard deviations.
    ``….true_positives``   forget examples found at 1 % of the holdout examples; from 100 of these on.
    """
    if further.empty or retrained.empty or _same(examples, retrained):
        return []
    models = [retrained, *(part for _, part in further.groupby("seed"))]
    if len(models) < FEWEST:
        return [absent("among_retrained", f"{len(models)} retrained models; {FEWEST} are needed for a spread")]
    rows = [without_interval("among_retrained.models", len(models), 0, 0)]
    for name, measure in IN_NATS.items():
        values = _table(examples, models, "forget", measure)
        there = np.isfinite(values).all(axis=0)
        if there.any():
            rows += _spread_rows(f"among_retrained.{name}", values[:, there], examples)
    return rows + _lira_rows(examples, models, resampler)


def mean_z2(values: np.ndarray) -> np.ndarray:
    """``(m,)``: of each of m models the mean over n examples of z² among the m − 1 others; ``values`` is ``(m, n)``.

    0 among (−1, 1, 3): mean 1, variance 4, so ¼.
    """
    found = []
    for i, own in enumerate(values):
        others = np.delete(values, i, axis=0)
        variance = others.var(axis=0, ddof=1)
        kept = variance > 0
        found.append(np.mean((own - others.mean(axis=0))[kept] ** 2 / variance[kept]) if kept.any() else np.nan)
    return np.array(found)


def log_odds_above(values: np.ndarray) -> np.ndarray:
    """``(n,)``: log-odds of the first model's probabilities less the others' mean, in their standard deviations.

    ``values`` ``(1 + k, n)`` are mean token NLLs in nats, p = e^−NLL.
    """
    odds = -np.log(np.expm1(np.clip(values, 1e-12, 700.0)))
    others = odds[1:]
    variance = others.var(axis=0, ddof=1)
    spread = variance.mean() if len(others) < OWN_SPREAD else variance
    return (odds[0] - others.mean(axis=0)) / np.sqrt(np.maximum(spread, 1e-12))


def _spread_rows(metric: str, values: np.ndarray, examples: pd.DataFrame) -> list[dict]:
    forget = examples[examples["set"] == "forget"]
    n, subjects = values.shape[1], count(forget["subject"])
    ours, *theirs = mean_z2(values)
    p = (1 + sum(other >= ours for other in theirs)) / len(values)
    said = {"": ours, ".lowest": min(theirs), ".highest": max(theirs), ".p": p}
    return [without_interval(f"{metric}{name}", float(value), n, subjects) for name, value in said.items()]


def _lira_rows(examples: pd.DataFrame, models: list[pd.DataFrame], resampler: Resampler) -> list[dict]:
    metric = "among_retrained.lira"
    if not (examples["set"] == "holdout").any():
        return [absent(metric, "a membership attack needs a holdout set")]
    values, parts = [], []
    for name in SIDES:
        side = _table(examples, models, name, IN_NATS["nll"])
        there = ~np.isnan(side).any(axis=0)  # one NaN would be that of the shared deviation
        if not there.any():
            return [absent(metric, f"no {name} row has an answer's likelihood in every model")]
        values.append(side[:, there])
        parts.append(examples[examples["set"] == name][there])
    above = np.split(log_odds_above(np.concatenate(values, axis=1)), [len(parts[0])])
    of = Rows.of(pd.concat(parts), resampler)
    area = of.area((-above[0], -above[1]))  # as the other attacks: higher for what looks less like a member
    rows = [of.row(metric, area)]
    if len(above[1]) >= HOLDOUT_FOR_1_PERCENT:
        found = float(np.mean(above[0] > np.quantile(above[1], 0.99, method="higher")))
        rows.append(without_interval(f"{metric}.true_positives", found, len(above[0]), of.numbers[0]))
    return rows


def _table(
    examples: pd.DataFrame, models: list[pd.DataFrame], set_name: str, measure: Callable[[pd.DataFrame], pd.Series]
) -> np.ndarray:
    """``(1 + k, n)``: this model's values and those of the retrained ones, in the order of this model's examples."""
    index = pd.MultiIndex.from_frame(examples.loc[examples["set"] == set_name, KEYS])
    return np.array([measure(m.set_index(KEYS)).reindex(index).to_numpy(np.float64) for m in (examples, *models)])


def _same(examples: pd.DataFrame, retrained: pd.DataFrame) -> bool:
    ours, theirs = (frame.set_index(KEYS)["nll"].astype(np.float64) for frame in (examples, retrained))
    return ours.equals(theirs)
