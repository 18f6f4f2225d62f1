"""The largest of many is judged by what it is, and not by what chance makes of it."""

import numpy as np
import pytest

from blur_pipeline.statistics.intervals import Resampler, interval
from blur_pipeline.statistics.largest import interval_of_largest

SUBJECTS, STATES = 8, 40


def drawn(rng: np.random.Generator, truth: float, shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Values of 40 states, each with the same truth, and their resamples; ``shared``: of the variance, that which all
    states have of a subject in common, as attacks on the same questions have."""
    common, own = rng.normal(0, 0.1, (1, SUBJECTS)), rng.normal(0, 0.1, (STATES, SUBJECTS))
    answers = truth + np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    weights = Resampler(300, int(rng.integers(1 << 30))).weights(np.arange(SUBJECTS), "forget")
    return answers.mean(axis=1), answers @ weights.T / SUBJECTS


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.95])
def test_the_truth_lies_inside_whatever_the_states_have_in_common(shared):
    """The largest of 40 resampled values says "above 0.2" of a truth of 0.16 nearly always where states are apart."""
    rng = np.random.default_rng(0)
    above = inside = naive = 0
    for _ in range(60):
        values, resampled = drawn(rng, 0.16, shared)
        low, high = interval_of_largest(values, resampled, SUBJECTS)
        above += low > 0.2
        inside += low <= 0.16 <= high
        naive += interval(resampled.max(axis=0), SUBJECTS)[0] > 0.2
    assert above <= 2
    assert inside >= 53  # 57 wanted, ± two standard errors
    assert shared > 0 or naive >= 40


def test_one_value_has_its_own_interval_and_a_sure_one_beside_it_changes_nothing():
    rng = np.random.default_rng(1)
    values, resampled = drawn(rng, 0.5, 0.5)
    own = interval(resampled[0], SUBJECTS)
    assert interval_of_largest(values[:1], resampled[:1], SUBJECTS) == pytest.approx(own)
    sure = np.full((1, resampled.shape[1]), 0.1)
    both = interval_of_largest([values[0], 0.1], np.concatenate([resampled[:1], sure]), SUBJECTS)
    assert both == pytest.approx(own)


def test_a_value_far_above_the_others_is_told_from_them():
    rng = np.random.default_rng(2)
    values, resampled = drawn(rng, 0.1, 0.5)
    far = interval_of_largest([*values, 0.8], np.concatenate([resampled, resampled[:1] - values[0] + 0.8]), SUBJECTS)
    assert far[0] > 0.5
    assert np.isnan(interval_of_largest(values, resampled, 7)).all()
