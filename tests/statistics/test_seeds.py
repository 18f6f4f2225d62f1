"""What several seeds say, and what they do not."""

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.statistics.possible import possible
from blur_pipeline.statistics.seeds import over_seeds


def table_of(metric: str, values: list[float], below: float = 0.5, above: float = 1.0) -> pd.Series:
    frame = pd.DataFrame({"metric": metric, "value": values})
    frame = frame.assign(low=frame["value"] - below, high=frame["value"] + above)
    return over_seeds(frame).set_index("metric").loc[metric]


def test_three_seeds_have_both_parts_and_their_sum():
    """t = 4.3027 at two degrees: half-width 4.3027·1/√3 = 2.4841; with ½ and 1 in quadrature 2.5339 and 2.6779."""
    row = table_of("a", [1.0, 2.0, 3.0])
    assert row[["seeds", "mean", "sd"]].tolist() == [3, 2, 1]
    assert row[["seed_low", "seed_high"]].tolist() == pytest.approx([2 - 2.4841, 2 + 2.4841], abs=1e-4)
    assert row[["below", "above"]].tolist() == [0.5, 1.0]
    assert row[["low", "high"]].tolist() == pytest.approx([2 - 2.5339, 2 + 2.6779], abs=1e-4)


def test_seeds_that_agree_leave_the_noise_of_the_examples():
    """Three equal values do not make the answer to 40 questions certain."""
    row = table_of("a", [0.4, 0.4, 0.4], below=0.1, above=0.2)
    assert row[["seed_low", "seed_high"]].tolist() == pytest.approx([0.4, 0.4])
    assert row[["low", "high"]].tolist() == pytest.approx([0.3, 0.6])


@pytest.mark.parametrize(
    ("metric", "values", "least", "most"),
    [
        ("forget.probability", [0.01, 0.02, 0.15], 0, 1),  # 0.06 ± 0.19
        ("membership.min_k", [0.99, 0.95, 0.7], 0, 1),
        ("model_utility", [0.99, 0.95, 0.7], 0, 1),
        ("verbmem", [1.0, 2.0, 9.0], 0, 100),
        ("distance", [0.02, 0.04, 0.18], 0, np.inf),
        ("gap.forget.rouge", [0.02, 0.04, 0.18], 0, np.inf),
        ("privacy_leakage", [-99.0, -90.0, -70.0], -100, np.inf),
        ("difference.nll", [-0.1, 0.0, 0.1], -np.inf, np.inf),
    ],
)
def test_an_interval_holds_no_value_that_cannot_be(metric, values, least, most):
    row = table_of(metric, values, below=0.0, above=0.0)
    half = 4.3027 * np.std(values, ddof=1) / np.sqrt(3)
    wanted = [max(np.mean(values) - half, least), min(np.mean(values) + half, most)]
    assert row[["low", "high"]].tolist() == pytest.approx(wanted, rel=1e-4)
    assert row[["seed_low", "seed_high"]].tolist() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("values", [[5.0], [1.0, 2.0]])
def test_below_three_seeds_there_are_values_and_no_mean(values):
    row = table_of("a", values)
    assert row[["min", "max"]].tolist() == [min(values), max(values)]
    assert row[["mean", "sd", "seed_low", "seed_high", "low", "high"]].isna().all()
    assert row[["below", "above"]].tolist() == [0.5, 1.0]


def test_p_values_have_a_middle_and_no_mean():
    row = table_of("forget_quality", [0.01, 0.9, 0.2])
    assert row[["seeds", "min", "median", "max"]].tolist() == [3, 0.01, 0.2, 0.9]
    assert row[["mean", "sd", "seed_low", "seed_high", "below", "above", "low", "high"]].isna().all()


def test_an_absent_interval_is_no_narrow_one():
    row = table_of("a", [1.0, 2.0, 3.0], below=np.nan, above=np.nan)
    assert row["mean"] == 2
    assert row[["low", "high"]].isna().all()


def test_an_interval_beside_its_value_reaches_nowhere_on_that_side():
    """[0.45, 0.6] about 0.4: nothing below; a reach of −0.05 must not count as one of 0.05."""
    row = table_of("a", [0.4, 0.4, 0.4], below=-0.05, above=0.2)
    assert row[["low", "high"]].tolist() == pytest.approx([0.4, 0.6])


def test_what_a_seed_lacks_counts_neither_as_seed_nor_as_value():
    row = table_of("a", [1.0, np.nan, 3.0])
    assert row[["seeds", "min", "max"]].tolist() == [2, 1, 3]


def test_the_combined_interval_covers_where_that_of_the_seeds_does_not():
    """Truth 0; the questions' noise of sd 1 is shared by three seeds with one of sd ½ each; 2000 times.

    The mean errs by √(1 + ¼/3) = 1.04 and the seeds' interval reaches 4.3·½/√3 = 1.24 on average: it holds the truth
    about as often as a normal variable stays within 1.2 sd, 0.77 at most (sd varies, which makes it less).
    """
    rng = np.random.default_rng(0)
    value = (rng.normal(0, 1, (2000, 1)) + rng.normal(0, 0.5, (2000, 3))).ravel()
    frame = pd.DataFrame({"metric": np.repeat(np.arange(2000).astype(str), 3), "value": value})
    table = over_seeds(frame.assign(low=value - 1.96, high=value + 1.96))
    seeds_alone = ((table["seed_low"] < 0) & (table["seed_high"] > 0)).mean()
    combined = ((table["low"] < 0) & (table["high"] > 0)).mean()
    assert seeds_alone < 0.77
    assert 0.95 < combined < 0.99


@pytest.mark.parametrize(
    ("metric", "least", "greatest"),
    [
        ("forensics.ranked_by_probability", 0, 1),
        ("forensics.ranked_by_nll.gap", 0, 1),
        ("forensics.ranked_by_nll.retrained", 0, 1),
        ("forensics.membership_gap.loss", 0, 1),
        ("leak.upper_bound.retrained", 0, 1),
        ("among_retrained.nll", 0, np.inf),
        ("general.ifeval.prompt_level_strict_acc", 0, 1),
        ("general.gsm8k.exact_match.flexible-extract", 0, 1),
        ("among_retrained.nll.lowest", 0, np.inf),
        ("stress.residual_knowledge", 0, 1),
        ("stress.residual_unshown", 0, 1),
        ("difference.nll", -np.inf, np.inf),
    ],
)
def test_an_interval_ends_where_the_metric_does(metric, least, greatest):
    assert possible(metric) == (least, greatest)
