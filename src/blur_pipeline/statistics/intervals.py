"""A value with its bootstrap interval over subjects, or with the reason for its absence.

Twenty questions about one author are not twenty independent observations: resampled row by row, the 95 % interval of
two authors' mean covers it in three cases of four. So whole subjects are drawn, and from fewer than eight of them no
interval is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from blur_pipeline.statistics.possible import possible

METRIC_COLUMNS = ["metric", "value", "low", "high", "n", "subjects", "reason"]
FEWEST_SUBJECTS = 8
LEVEL = 0.95


@dataclass(frozen=True)
class Resampler:
    """A bootstrap over the subjects of each set."""

    samples: int
    seed: int

    def weights(self, subjects: Sequence | np.ndarray, set_name: str) -> np.ndarray:
        """``(samples, n)`` float64: how often each of n rows is drawn, all rows of a subject together.

        The same for every metric of a set, so that compound metrics stay paired.
        """
        codes, names = pd.factorize(np.asarray(subjects, dtype=object))
        if not len(names):
            return np.zeros((self.samples, 0))
        rng = np.random.default_rng([self.seed, *set_name.encode()])
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), self.samples)
        return drawn[:, codes].astype(np.float64)


@dataclass(frozen=True)
class Estimate:
    """``value`` from ``n`` rows of ``subjects`` subjects; ``resampled`` ``(samples,)`` are the bootstrap's values.

    ``mean`` where it is one of rows, and not made of several.
    """

    value: float
    resampled: np.ndarray
    n: int
    subjects: int
    mean: bool = False

    def row(self, metric: str) -> dict:
        """A row of the metrics table."""
        least, most = possible(metric)
        if self.mean and self.value in (least, most) and np.isfinite(most - least):
            ends = none_or_all(self.value, least, most, self.subjects)
        else:
            ends = interval(self.resampled, self.subjects)
        return if_they_vary(present(metric, self.value, ends, self.n, self.subjects))


def mean(values: np.ndarray, subjects: np.ndarray, weights: np.ndarray) -> Estimate:
    """Of the rows that have a value (NaN has none); ``weights`` as by ``Resampler.weights``, of all rows."""
    there = ~np.isnan(values)
    values, weights = values[there], weights[:, there]
    with np.errstate(invalid="ignore"):
        resampled = weights @ values / weights.sum(axis=1)
    return Estimate(float(values.mean()), resampled, len(values), count(subjects[there]), mean=True)


def count(subjects: np.ndarray) -> int:
    """Different subjects."""
    return len(set(subjects))


def interval(resampled: np.ndarray, subjects: int) -> tuple[float, float]:
    """The expanded percentile interval (Hesterberg 2015, arXiv 1411.5279, 3.3): NaN below ``FEWEST_SUBJECTS``.

    Of k subjects a plain percentile interval is too narrow by √((k − 1)/k) and for using z in place of t. The tail
    that corrects both is Φ(−√(k/(k − 1))·t): for k = 8 it is 0.0057 instead of 0.025, for many subjects 0.025.
    Values that are not finite are left out: a resampled ratio may divide by zero.
    """
    from scipy.stats import norm, t

    finite = resampled[np.isfinite(resampled)]
    if subjects < FEWEST_SUBJECTS or not len(finite):
        return np.nan, np.nan
    tail = norm.cdf(-np.sqrt(subjects / (subjects - 1)) * t.ppf((1 + LEVEL) / 2, subjects - 1))
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def none_or_all(value: float, least: float, most: float, subjects: int) -> tuple[float, float]:
    """Of a mean that is the ``least`` or the ``most`` it can be: each of ``subjects`` is there, the bootstrap sees none
    that is not. NaN below ``FEWEST_SUBJECTS``.

    Clopper and Pearson's bound: were more than 1 − 0.025^(1/k) of all subjects elsewhere, k of them would all be there
    in fewer than 2.5 % of cases; and those that are elsewhere are at the other end at most. None of 10: [0, 0.31].
    """
    if subjects < FEWEST_SUBJECTS:
        return np.nan, np.nan
    reach = (1 - ((1 - LEVEL) / 2) ** (1 / subjects)) * (most - least)
    return (least, least + reach) if value == least else (most - reach, most)


def interval_of_mean(values: np.ndarray) -> tuple[float, float]:
    """The t-interval of the mean of one value a subject; NaN below ``FEWEST_SUBJECTS``."""
    from scipy.stats import t

    n = len(values)
    if n < FEWEST_SUBJECTS:
        return np.nan, np.nan
    half = t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return float(np.mean(values) - half), float(np.mean(values) + half)


def present(metric: str, value: float, ends: tuple[float, float], n: int, subjects: int) -> dict:
    """A row of the metrics table; where too few subjects give no interval, the reason says so."""
    few = "" if subjects >= FEWEST_SUBJECTS else f"no interval from {_subjects(subjects)}, {FEWEST_SUBJECTS} are needed"
    return _row(metric, value, ends, n, subjects, few)


def if_they_vary(row: dict) -> dict:
    """A row without its interval where all resamples agree: the bootstrap saw no variation, and knows nothing of it."""
    if np.isclose(row["low"], row["high"], rtol=1e-12, atol=0):
        return row | {"low": np.nan, "high": np.nan, "reason": "no interval: resampled subjects all give this value"}
    return row


def without_interval(metric: str, value: float, n: int, subjects: int) -> dict:
    """A row for what has none by its nature, such as a p-value."""
    return _row(metric, value, (np.nan, np.nan), n, subjects, "")


def absent(metric: str, reason: str) -> dict:
    """A row of the metrics table for what cannot be had."""
    return _row(metric, np.nan, (np.nan, np.nan), 0, 0, reason)


def _row(metric: str, value: float, ends: tuple[float, float], n: int, subjects: int, reason: str) -> dict:
    low, high = ends
    values = (metric, value, low, high, n, subjects, reason)
    return dict(zip(METRIC_COLUMNS, values, strict=True))


def _subjects(number: int) -> str:
    return "1 subject" if number == 1 else f"{number} subjects"
