"""Formulas of small numbers, by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from blur_pipeline.metrics.leaking import bound_row, leak_at_k, leak_at_k_of, upper_bound


def test_leak_at_k_is_the_share_of_draws_that_hold_the_fact():
    """Counted over all draws of 3 of 7 samples, of which none to all hold it."""
    draws = list(combinations(range(7), 3))
    counted = [np.mean([any(place < held for place in draw) for draw in draws]) for held in range(8)]
    assert leak_at_k(range(8), 7, 3) == pytest.approx(counted)
    assert leak_at_k([1], 4, 2) == pytest.approx([0.5])
    assert leak_at_k([0, 1, 200], 200, 128) == pytest.approx([0, 128 / 200, 1])


def test_the_proxy_is_that_of_independent_samples():
    assert leak_at_k_of(np.array([0.25, 0.0, 1.0]), 2) == pytest.approx([7 / 16, 0, 1])


@pytest.mark.parametrize(("held", "samples"), [(0, 32), (3, 32), (31, 32)])
def test_the_upper_bound_is_where_so_few_finds_are_as_rare_as_they_may_be(held, samples):
    assert binom.cdf(held, samples, upper_bound(held, samples)) == pytest.approx(0.01)


def test_the_upper_bound_of_none_and_of_all():
    assert upper_bound(0, 32) == pytest.approx(1 - 0.01 ** (1 / 32))
    assert upper_bound(32, 32) == 1.0


@pytest.mark.parametrize("likely", [(0.9, 0.1), (0.3, 0.0), (1.0, 0.0), (0.02, 0.02)])
def test_the_bound_of_a_mean_holds_where_questions_differ(likely):
    """Of 16 samples of each of two questions: how often it lies below the mean of the two, exactly, is at most 1 %."""
    chances = np.convolve(*(binom.pmf(range(17), 16, p) for p in likely))
    below = [upper_bound(held, 32) < np.mean(likely) for held in range(33)]
    assert chances[below].sum() <= 0.01


def test_the_bound_of_an_attack_is_that_of_its_leakiest_temperature():
    """Four questions, two seeds, eight samples each: 64 a temperature; 8 of them held a fact, and none when colder."""
    said = {"attack": "often", "row_id": list("abcd") * 2, "subject": list("aabb") * 2, "seed": [0] * 4 + [1] * 4}
    warm = pd.DataFrame(said | {"variant": "temperature 1", "budget": 1.0, "probability": 1 / 8})
    cold, proxy = warm.assign(variant="temperature 0.5", probability=0.0), warm.assign(variant="proxy", probability=1.0)
    row = bound_row(
        "stress.often.upper_bound", "often", pd.concat([warm, cold, proxy, warm.assign(budget=4.0, probability=0.9)]), 8
    )
    assert row["metric"] == "stress.often.upper_bound"
    assert row["value"] == pytest.approx(upper_bound(8, 64, 0.995))
    assert (row["n"], row["subjects"]) == (4, 2)
    assert bound_row("stress.often.upper_bound", "often", proxy, 8) is None  # nothing was sampled
    assert bound_row("stress.often.upper_bound", "often", warm.iloc[:0], 8) is None
