"""Are two models alike on the same questions? Tests that can say yes, and the power of those that cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Difference:
    """Subject by subject: mean difference, its 90 % interval, and the p-value of two one-sided tests.

    ``p`` small says that the mean difference lies within ± margin; the interval within the margins says the same at
    5 %. It is the larger of the p-values of H₀: δ ≤ −margin and H₀: δ ≥ margin (Schuirmann 1987).
    """

    mean: float
    low: float
    high: float
    p: float
    subjects: int


def by_subject(ours: np.ndarray, theirs: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """``(subjects,)``: of each subject the mean difference of its rows; rows where either is NaN are left out."""
    gap = pd.Series(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))
    return gap.groupby(np.asarray(subjects, dtype=object), sort=False).mean().dropna().to_numpy()


def equivalence(differences: np.ndarray, margin: float) -> Difference:
    """Two one-sided t-tests on ``(subjects,)`` differences; NaN p-value where they do not vary or are fewer than 2.

    Differences −0.1, 0, 0.1 with margin 0.2: mean 0, standard error 0.0577, t = 3.46 either way, p = 0.037.
    """
    from scipy.stats import t

    n = len(differences)
    if untested(differences):
        value = float(np.mean(differences)) if n else np.nan
        return Difference(value, np.nan, np.nan, np.nan, n)
    value, error = float(np.mean(differences)), float(np.std(differences, ddof=1) / np.sqrt(n))
    half = t.ppf(0.95, n - 1) * error
    p = max(t.sf((value + margin) / error, n - 1), t.sf((margin - value) / error, n - 1))
    return Difference(value, value - half, value + half, float(p), n)


def untested(differences: np.ndarray) -> str:
    """Why ``equivalence`` has no p-value; empty where it has."""
    if len(differences) < 2:
        return "fewer than two subjects"
    return "" if np.ptp(differences) else "the same of every subject, so that no test is possible"


def wilcoxon(differences: np.ndarray) -> float:
    """p-value of the signed-rank test over subjects; NaN where all differences are zero.

    Five differences of one sign give 2/32, which is why fewer than six can show nothing at 5 %.
    """
    from scipy import stats

    return np.nan if not np.any(differences) else float(stats.wilcoxon(differences).pvalue)


def equivalence_power(differences: np.ndarray, margin: float) -> float:
    """Chance that ``equivalence`` says yes at 5 % where the true difference is 0, at this scatter and number.

    The mean of n normal differences has to lie within margin − t·s/√n of 0; s is taken as known.
    """
    from scipy.stats import norm, t

    n = len(differences)
    if n < 2:
        return np.nan
    error = float(np.std(differences, ddof=1) / np.sqrt(n))
    room = margin / error - t.ppf(0.95, n - 1) if error else np.inf
    return float(max(0.0, 2 * norm.cdf(room) - 1))


def ks_power(retrained: np.ndarray, target: np.ndarray, seed: int, samples: int = 300, kept: float = 0.5) -> float:
    """Share of simulated models that the Kolmogorov–Smirnov test tells from the retrained one at 5 %.

    A simulated model has forgotten all but a share ``kept``: of each row its truth ratio is the target's with that
    chance and else the retrained model's. As the test itself assumes, rows of either side are drawn independently.
    """
    from scipy.stats import ks_2samp

    rng, n = np.random.default_rng([seed, *b"power"]), len(retrained)
    told = 0
    for _ in range(samples):
        ours, theirs = rng.integers(0, n, n), rng.integers(0, n, n)
        partly = np.where(rng.random(n) < kept, target[ours], retrained[ours])
        told += ks_2samp(partly, retrained[theirs]).pvalue < 0.05
    return told / samples
