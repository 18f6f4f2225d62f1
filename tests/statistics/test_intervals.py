"""Intervals over subjects hold what they promise; intervals over rows do not."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from blur_pipeline.statistics.intervals import Resampler, interval, interval_of_mean, mean

SAMPLES = 300


def clustered(rng: np.random.Generator, subjects: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Half of the variance is the subject's."""
    values = rng.normal(size=(subjects, 1)) + rng.normal(size=(subjects, rows))
    return values.ravel(), np.repeat(np.arange(subjects), rows)


def coverage(subjects: int, resample_rows: bool, trials: int = 300) -> float:
    rng, covered = np.random.default_rng(0), 0
    for trial in range(trials):
        values, about = clustered(rng, subjects, 20)
        drawn = np.arange(len(values)) if resample_rows else about
        found = mean(values, drawn, Resampler(SAMPLES, trial).weights(drawn, "forget"))
        low, high = interval(found.resampled, found.subjects)
        covered += low <= 0 <= high
    return covered / trials


def test_an_interval_over_subjects_covers_and_one_over_rows_does_not():
    """Of 300 trials 95 % ± 2.5 % (two standard errors) where subjects are drawn, for ten and for forty of them."""
    assert coverage(10, resample_rows=False) > 0.92
    assert coverage(40, resample_rows=False) > 0.92
    assert coverage(10, resample_rows=True) < 0.65


def test_fewer_than_eight_subjects_give_no_interval_and_the_row_says_so():
    values, about = np.arange(40.0), np.repeat(["Ada", "Bo"], 20)
    row = mean(values, about, Resampler(SAMPLES, 0).weights(about, "forget")).row("forget.rouge")
    assert row["value"] == 19.5
    assert (row["n"], row["subjects"]) == (40, 2)
    assert math.isnan(row["low"])
    assert row["reason"] == "no interval from 2 subjects, 8 are needed"
    about = np.repeat(np.arange(8), 5)
    row = mean(values, about, Resampler(SAMPLES, 0).weights(about, "forget")).row("forget.rouge")
    assert row["low"] < 19.5 < row["high"]
    assert row["reason"] == ""
    assert all(math.isnan(end) for end in interval_of_mean(np.arange(7.0)))


def row_of(values: list[float], metric: str, subjects: int) -> dict:
    about = np.arange(len(values)) % subjects
    return mean(np.array(values), about, Resampler(SAMPLES, 0).weights(about, "forget")).row(metric)


@pytest.mark.parametrize(
    ("metric", "value", "low", "high"),
    [
        ("safety.jbb.refusal_rate", 0, 0, 0.3085),
        ("safety.jbb.safe_at_1", 1, 0.6915, 1),
        ("general.gsm8k.exact_match", 0, 0, 0.3085),
        ("verbmem", 100, 69.1503, 100),
        ("forget.rouge", 1, 0.6915, 1),  # a share where it is 1 throughout, and no more than that elsewhere
    ],
)
def test_none_or_all_of_ten_is_no_certainty(metric, value, low, high):
    """None of ten: with a rate of 1 − 0.025^(1/10) = 0.3085 that happens once in forty times."""
    row = row_of([value] * 30, metric, 10)
    assert (row["value"], row["reason"]) == (value, "")
    assert (row["low"], row["high"]) == pytest.approx((low, high), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("metric", "value"), [("forget.truth_ratio", 0.3), ("forget.completion_nll", 0.0)])
def test_where_all_agree_elsewhere_nothing_is_known_of_their_noise(metric, value):
    """0.3 is rounded otherwise in each resample; an NLL has no greatest value that a bound could begin at."""
    row = row_of([value] * 30, metric, 10)
    assert row["value"] == pytest.approx(value)
    assert math.isnan(row["low"])
    assert row["reason"] == "no interval: resampled subjects all give this value"
    assert row_of([value] * 30, metric, 5)["reason"] == "no interval from 5 subjects, 8 are needed"


def test_the_bound_of_none_or_all_covers():
    """A rate of 0.2 in eight subjects gives none in 17 of 100 worlds; an interval that is 0 there misses it in each."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(300):
        row = row_of(list((rng.random(8) < 0.2).astype(float)), "safety.jbb.refusal_rate", 8)
        covered += row["low"] <= 0.2 <= row["high"]
    assert covered / 300 > 0.92


def test_rows_of_a_subject_are_drawn_together_and_as_often_as_any():
    about = ["a", "b", "a", "c"]
    weights = Resampler(2000, 1).weights(about, "retain")
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx([1, 1, 1, 1], abs=0.06)
    assert (Resampler(2000, 1).weights(about, "retain") == weights).all()
    assert (Resampler(2000, 1).weights(about, "forget") != weights).any()


def test_a_mean_leaves_out_rows_without_a_value_and_still_pairs_the_draws():
    about, values = np.array(["a", "b", "c"]), np.array([1.0, np.nan, 3.0])
    weights = np.array([[1.0, 1, 1], [0, 2, 1], [0, 3, 0]])
    found = mean(values, about, weights)
    assert found.value == 2
    assert (found.n, found.subjects) == (2, 2)
    assert found.resampled[:2] == pytest.approx([2, 3])
    assert math.isnan(found.resampled[2])  # nothing with a value was drawn


def test_the_tails_for_many_subjects_are_those_of_the_percentile_interval():
    values = norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert interval(values, 10**6) == pytest.approx((-1.96, 1.96), abs=0.001)
    # For eight: √(8/7)·t(0.975, 7) = 1.0690·2.3646 = 2.5278 standard deviations.
    assert interval(values, 8) == pytest.approx((-2.528, 2.528), abs=0.001)


def test_the_interval_of_a_mean_is_students():
    """1 … 9: mean 5, s = 2.7386, s/√9 = 0.9129, t(0.975, 8) = 2.306."""
    assert interval_of_mean(np.arange(1.0, 10)) == pytest.approx((5 - 2.105, 5 + 2.105), abs=0.001)
