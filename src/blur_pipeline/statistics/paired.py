"""Tests between two configurations over the seeds that both have, and their correction for being many."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.statistics.seeds import ENOUGH


def paired_test(ours: pd.Series, theirs: pd.Series) -> tuple[float, float, int]:
    """Mean difference over the seeds that both have (the index), its two-sided p-value by the paired t-test, and n.

    Both answered the same questions: the test tells whether other seeds would differ in the same way on these
    questions, and nothing of other questions. NaN for the p-value below ``ENOUGH`` common seeds, and where all
    differences are equal.
    """
    from scipy.stats import ttest_rel

    common = ours.index.intersection(theirs.index)
    difference = ours[common] - theirs[common]
    if len(common) < ENOUGH or np.ptp(difference) == 0:
        return float(difference.mean()), np.nan, len(common)
    return float(difference.mean()), float(ttest_rel(ours[common], theirs[common]).pvalue), len(common)


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """``(n,)`` p-values of one family → as many; of what is below 5 % afterwards at most 5 % is false on average.

    Milder than ``holm`` (Benjamini and Hochberg 1995), for independent or positively dependent tests. NaN stays NaN and
    does not count. 0.01, 0.04, 0.03: 0.01·3, then 0.03·3/2 = 0.045, 0.04·3/3 = 0.04, which bounds the one before it.
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p, np.float64)
    there = np.isfinite(p)
    corrected = np.full_like(p, np.nan)
    if there.any():
        corrected[there] = false_discovery_control(p[there])
    return corrected


def holm(p: np.ndarray) -> np.ndarray:
    """``(n,)`` p-values of one family → as many, corrected by Holm's step-down procedure (1979).

    Rejecting what is below 5 % afterwards makes a false rejection anywhere in the family at most 5 % likely, however
    the tests depend on each other. NaN stays NaN and does not count as a test.

    0.01, 0.04, 0.03: the smallest times three is 0.03, the next times two 0.06, the last times one 0.04, which may not
    be smaller than the one before it: 0.03, 0.06, 0.06.
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN is sorted last
    corrected = np.full_like(p, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return corrected
