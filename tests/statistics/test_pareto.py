"""Domination and hypervolume, by hand."""

import pytest

from blur_pipeline.statistics.pareto import dominated, hypervolume


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
