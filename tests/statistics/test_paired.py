"""Paired tests and their correction, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.statistics.paired import benjamini_hochberg, holm, paired_test


def test_the_paired_test_uses_common_seeds():
    """Differences 1, 2, 3: t = 2/(1/√3) = 3.464 at two degrees, p = 1 − t/√(t² + 2) = 0.0742."""
    ours, theirs = pd.Series({0: 9.0, 1: 2.0, 2: 4.0, 3: 6.0}), pd.Series({1: 1.0, 2: 2.0, 3: 3.0, 4: 7.0})
    gap, p, n = paired_test(ours, theirs)
    assert (gap, n) == (2.0, 3)
    assert p == pytest.approx(1 - math.sqrt(12 / 14))
    assert math.isnan(paired_test(ours, ours)[1])
    assert paired_test(ours, pd.Series({9: 1.0}))[2] == 0


def test_two_seeds_are_no_test():
    gap, p, n = paired_test(pd.Series({0: 1.0, 1: 3.0}), pd.Series({0: 0.0, 1: 1.0}))
    assert (gap, n) == (1.5, 2)
    assert math.isnan(p)


def test_benjamini_hochberg():
    assert benjamini_hochberg([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.04, 0.04])
    assert benjamini_hochberg([np.nan, 0.5, 0.02]).tolist() == pytest.approx([np.nan, 0.5, 0.04], nan_ok=True)
    assert benjamini_hochberg([]).tolist() == []


def test_holm():
    """Three: 0.01·3, 0.03·2, and 0.04·1 held up by the one before it. NaN is no test: 0.02·2 and 0.5·1."""
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([np.nan, 0.5, 0.02]).tolist() == pytest.approx([np.nan, 0.5, 0.04], nan_ok=True)
    assert holm([0.6, 0.9]).tolist() == [1, 1]
    assert holm([]).tolist() == []
