"""Areas under the ROC curve: of weighted rows, for a bootstrap, and their intervals, which end inside (0, 1)."""

from __future__ import annotations

import numpy as np

from blur_pipeline.statistics.intervals import FEWEST_SUBJECTS, LEVEL


def auc(forget: np.ndarray, holdout: np.ndarray) -> float:
    """P(a holdout score is above a forget score), ties counted half: the area under the ROC curve.

    (1, 2) against (2, 3) gives 7/8.
    """
    ones = np.ones((1, len(forget))), np.ones((1, len(holdout)))
    return float(weighted_auc(forget, holdout, *ones)[0])


def weighted_auc(forget: np.ndarray, holdout: np.ndarray, of_forget: np.ndarray, of_holdout: np.ndarray) -> np.ndarray:
    """``(samples,)``: the same with each row counted as often as its weight, ``(samples, n)`` and ``(samples, m)``.

    Σ_j w_j·(weight of the forget rows below h_j + half of that at h_j), over the product of the weights' sums. NaN
    where a score is: it has no place among the others.
    """
    if np.isnan(forget).any() or np.isnan(holdout).any():
        return np.full(len(of_forget), np.nan)
    order = np.argsort(forget)
    ranked = np.asarray(forget, np.float64)[order]
    below = np.concatenate([np.zeros((len(of_forget), 1)), np.cumsum(of_forget[:, order], axis=1)], axis=1)
    left, right = (np.searchsorted(ranked, holdout, side) for side in ("left", "right"))
    won = (below[:, left] + below[:, right]) / 2
    with np.errstate(invalid="ignore"):
        return (of_holdout * won).sum(axis=1) / (of_holdout.sum(axis=1) * below[:, -1])


def auc_interval(value: float, resampled: np.ndarray, pairs: int, subjects: tuple[int, int]) -> tuple[float, float]:
    """95 % interval of an AUC whose bootstrap values are ``resampled``; ``pairs`` is n·m of the rows.

    On the logit scale, value ± t·(standard deviation of the bootstrap's logits), so that no end leaves (0, 1); areas
    of 0 and 1 count as half a pair from the edge. Where every pair is in order a bootstrap sees no variation, and
    the interval is Newcombe's (2006, Statistics in Medicine 25, method 5) with the subjects as the sizes: complete
    separation of ten subjects from ten others gives [0.80, 1].
    """
    from scipy.special import expit, logit
    from scipy.stats import t

    fewest = min(subjects)
    if fewest < FEWEST_SUBJECTS or np.isnan(value):
        return np.nan, np.nan
    if value in (0.0, 1.0):
        end = _newcombe_end(subjects)
        return (end, 1.0) if value == 1.0 else (0.0, 1 - end)
    inside = lambda area: logit(np.clip(area, 0.5 / pairs, 1 - 0.5 / pairs))
    half = t.ppf((1 + LEVEL) / 2, fewest - 1) * np.std(inside(resampled[np.isfinite(resampled)]), ddof=1)
    return float(expit(inside(value) - half)), float(expit(inside(value) + half))


def _newcombe_end(subjects: tuple[int, int]) -> float:
    """θ where (1 − θ)² = z²·V(θ), V(θ) = θ(1 − θ)(1 + N((1 − θ)/(2 − θ) + θ/(1 + θ)))/(nm), N = (n + m)/2 − 1."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    n, m = subjects
    z2, further = norm.ppf((1 + LEVEL) / 2) ** 2, (n + m) / 2 - 1
    gap = lambda x: (1 - x) - z2 * x * (1 + further * ((1 - x) / (2 - x) + x / (1 + x))) / (n * m)
    return float(brentq(gap, 0, 1))
