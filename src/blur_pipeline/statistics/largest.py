"""An interval of the largest of many: of what the worst of them truly is, not of what chance makes it look like.

The largest of many noisy values is too large, and a resample's largest is too large once more: by percentiles of
those, forty values of 0.16 each are "certainly above 0.2" (measured, tests/statistics/test_largest.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blur_pipeline.statistics.intervals import LEVEL, interval


def interval_of_largest(values: Sequence[float], resampled: np.ndarray, subjects: int) -> tuple[float, float]:
    """Of ``values`` ``(k,)`` and what the same resamples make of each ``(k, samples)``; NaN where one has no interval.

    Below lies a bound that all k values keep at once (sup-t, Montiel Olea and Plagborg-Møller 2019, 10.1002/jae.2656):
    the arm of each one's own interval, stretched by one factor. From the bootstrap comes how far the most deviant of
    them strays, and so the level at which each must be held for all to be; from t's tails how much longer an arm of
    that level is with so few subjects. Of one value it is its own interval. Above lies the largest upper end: the truly
    largest value stays below its own, which no other choice can spoil.
    """
    from scipy.stats import norm, t

    ends = np.array([interval(draws, subjects) for draws in resampled])
    if np.isnan(ends).any():
        return np.nan, np.nan
    centres, tail = np.asarray(values, dtype=float), (1 - LEVEL) / 2
    plain = centres - np.nanquantile(np.where(np.isfinite(resampled), resampled, np.nan), tail, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        strays = norm.isf(tail) * (centres[:, None] - resampled) / plain[:, None]
    most = np.where(np.isfinite(strays), strays, 0.0).max(axis=0)
    level = norm.sf(max(norm.isf(tail), float(np.quantile(most, 1 - tail))))
    stretch = t.isf(level, subjects - 1) / t.isf(tail, subjects - 1)
    return float((centres - stretch * (centres - ends[:, 0])).max()), float(ends[:, 1].max())
