"""Areas under the ROC curve and their intervals against values derived by hand and against scipy."""

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from blur_pipeline.statistics.areas import auc, auc_interval, weighted_auc
from blur_pipeline.statistics.intervals import Resampler


def test_auc_counts_ties_half():
    # Pairs (1,2), (1,3), (2,3) are in order and (2,2) is a tie: 3.5 of 4.
    assert auc(np.array([1, 2]), np.array([2, 3])) == pytest.approx(7 / 8)
    assert auc(np.array([1, 1]), np.array([1, 1, 1])) == pytest.approx(1 / 2)
    assert auc(np.array([0.0]), np.array([1.0])) == 1.0


def test_a_weighted_auc_is_mann_whitneys_of_the_repeated_rows():
    rng = np.random.default_rng(0)
    forget, holdout = rng.normal(size=12).round(1), rng.normal(0.5, size=9).round(1)
    u, w = rng.integers(0, 3, (5, 12)), rng.integers(0, 3, (5, 9))
    expected = [
        mannwhitneyu(h := np.repeat(holdout, b), f := np.repeat(forget, a)).statistic / (len(f) * len(h))
        for a, b in zip(u, w, strict=True)
    ]
    assert weighted_auc(forget, holdout, u.astype(float), w.astype(float)) == pytest.approx(expected)


def test_the_area_of_what_is_no_number_is_none():
    """A search among NaNs finds no place, and gave ½."""
    with_one = np.array([0.0, math.nan])
    for sides in ((with_one, np.arange(3.0)), (np.arange(3.0), with_one)):
        value = auc(*sides)
        assert math.isnan(value)
        assert all(map(math.isnan, auc_interval(value, np.full(10, value), 6, (10, 10))))


def ends(forget: np.ndarray, holdout: np.ndarray, per: int) -> tuple[float, float]:
    sides = [(x, np.arange(len(x)) // per) for x in (forget, holdout)]
    weights = [Resampler(400, 0).weights(s, n) for (_, s), n in zip(sides, ("forget", "holdout"), strict=True)]
    resampled = weighted_auc(forget, holdout, *weights)
    numbers = (len(forget) // per, len(holdout) // per)
    return auc_interval(auc(forget, holdout), resampled, len(forget) * len(holdout), numbers)


def test_complete_separation_has_an_interval_of_some_width():
    """Newcombe's equation for ten and ten: (1 − θ) = z²θ(1 + 9((1 − θ)/(2 − θ) + θ/(1 + θ)))/100 at θ = 0.8:
    0.2 against 3.8415·0.8·(1 + 9·0.6111)/100 = 0.1998."""
    low, high = ends(np.arange(100.0), np.arange(100.0) + 200, 10)
    assert low == pytest.approx(0.80, abs=0.001)
    assert high == 1
    assert ends(np.arange(100.0) + 200, np.arange(100.0), 10) == pytest.approx((0, 1 - low))


def test_near_the_edge_the_interval_stays_inside_and_holds_the_value():
    rng = np.random.default_rng(3)
    forget, holdout = rng.normal(size=100), rng.normal(3, size=100)
    low, high = ends(forget, holdout, 10)
    assert 0 < low < auc(forget, holdout) < high < 1


def test_few_subjects_give_none():
    assert all(math.isnan(end) for end in ends(np.arange(14.0), np.arange(100.0), 2))


def test_the_interval_covers_half_where_nothing_can_be_told():
    """Scores with half of their variance the person's, ten people a side: 200 trials, 95 % less two standard errors."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(200):
        forget, holdout = ((rng.normal(size=(10, 1)) + rng.normal(size=(10, 10))).ravel() for _ in range(2))
        low, high = ends(forget, holdout, 10)
        covered += low <= 0.5 <= high
    assert covered / 200 > 0.92
