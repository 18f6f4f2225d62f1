"""Domination, hypervolume, and several seeds, by hand."""

import math

import pandas as pd
import pytest

from blur_pipeline.statistics.pareto import dominated, hypervolume
from blur_pipeline.statistics.seeds import over_seeds, paired_test


def test_domination():
    assert dominated([1, 2, 2], [1, 2, 1]).tolist() == [False, False, True]
    assert dominated([1, 1], [1, 1]).tolist() == [False, False]  # equals do not beat each other
    assert dominated([], []).tolist() == []


def test_hypervolume():
    assert hypervolume([0.25], [0.5]) == pytest.approx(0.375)
    # (0.2, 0.4) covers 0.8 × 0.4; (0.5, 0.9) adds 0.5 × 0.5; (0.6, 0.3) nothing
    assert hypervolume([0.5, 0.2, 0.6], [0.9, 0.4, 0.3]) == pytest.approx(0.32 + 0.25)
    assert hypervolume([1.5], [0.9]) == 0
    assert hypervolume([], []) == 0


def test_over_seeds():
    values = pd.DataFrame({"seed": [0, 1, 2, 0], "metric": ["a", "a", "a", "b"], "value": [1.0, 2.0, 3.0, 5.0]})
    table = over_seeds(values).set_index("metric")
    assert table.loc["a", ["mean", "sd", "n"]].tolist() == [2, 1, 3]
    assert table.loc["a", "low"] == pytest.approx(2 - 4.3027 / math.sqrt(3), abs=1e-4)
    assert math.isnan(table.loc["b", "sd"])


def test_the_paired_test_uses_common_seeds():
    ours, theirs = pd.Series({0: 1.0, 1: 2.0, 2: 4.0}), pd.Series({1: 1.0, 2: 1.0, 3: 9.0})
    gap, p, n = paired_test(ours, theirs)
    assert (gap, n) == (2.0, 2)
    assert p == pytest.approx(0.2952, abs=1e-3)  # t = 2/(√2/√2) = 2 at one degree: 1 − 2·atan(2)/π
    assert math.isnan(paired_test(ours, ours)[1])
    assert paired_test(ours, pd.Series({9: 1.0}))[2] == 0
