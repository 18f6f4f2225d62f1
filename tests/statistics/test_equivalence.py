"""Tests of likeness against values derived by hand and against how often they err."""

import math

import numpy as np
import pytest

from blur_pipeline.statistics.equivalence import by_subject, equivalence, equivalence_power, ks_power, wilcoxon


def test_differences_are_means_of_subjects():
    ours, theirs = np.array([1.0, 3, 5, np.nan]), np.array([0.0, 0, 1, 1])
    assert by_subject(ours, theirs, np.array(["a", "a", "b", "c"])) == pytest.approx([2, 4])


def test_two_one_sided_tests():
    """−0.1, 0, 0.1: standard error 0.1/√3 = 0.05774; 0.2 away is t = 3.464, P(T₂ > 3.464) = 0.0371."""
    found = equivalence(np.array([-0.1, 0, 0.1]), 0.2)
    assert found.mean == pytest.approx(0)
    assert found.p == pytest.approx(0.0371, abs=1e-4)
    assert found.high == pytest.approx(2.920 * 0.05774, abs=1e-4)  # t(0.95, 2)
    shifted = equivalence(np.array([0.1, 0.2, 0.3]), 0.2)  # on the margin
    assert shifted.p == pytest.approx(0.5)
    assert math.isnan(equivalence(np.zeros(5), 0.2).p)
    assert math.isnan(equivalence(np.array([0.1]), 0.2).p)


def test_a_model_on_the_margin_is_called_alike_in_one_of_twenty():
    rng = np.random.default_rng(0)
    called = np.mean([equivalence(rng.normal(0.2, 0.1, 12), 0.2).p < 0.05 for _ in range(2000)])
    assert called == pytest.approx(0.05, abs=0.015)


def test_the_power_is_how_often_the_same_model_is_called_alike():
    rng = np.random.default_rng(1)
    scatter = rng.normal(size=30)
    scatter = 0.3 * (scatter - scatter.mean()) / scatter.std(ddof=1)
    called = np.mean([equivalence(rng.normal(0, 0.3, 30), 0.15).p < 0.05 for _ in range(2000)])
    assert equivalence_power(scatter, 0.15) == pytest.approx(called, abs=0.06)
    assert equivalence_power(scatter, 0.01) == 0


def test_the_signed_rank_test():
    assert wilcoxon(np.array([1.0, 2, 3, 4, 5])) == pytest.approx(2 / 32)
    assert math.isnan(wilcoxon(np.zeros(5)))


def test_the_power_of_kolmogorov_and_smirnov_at_forty_rows_is_small():
    """Truth ratios of 0.8 ± 0.3 in the retrained and 0.45 ± 0.3 in the target model: half kept is seldom found at 40
    rows, nearly always at 400; all kept is found at 40, nothing kept as often as the test errs."""
    rng = np.random.default_rng(0)
    retrained, target = rng.normal(0.8, 0.3, 400), rng.normal(0.45, 0.3, 400)
    assert ks_power(retrained[:40], target[:40], 0) < 0.5
    assert ks_power(retrained, target, 0) > 0.95
    assert ks_power(retrained[:40], target[:40], 0, kept=1) > 0.9
    assert ks_power(retrained[:40], target[:40], 0, kept=0) < 0.12
