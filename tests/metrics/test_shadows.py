"""Margins, KLoM and U-LiRA: what must come of alike and of far apart, values by hand, and that a fit leaves out."""

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.exchanges import EXCHANGES, exchanged
from blur_pipeline.metrics.klom import FLOOR, klom, no_difference
from blur_pipeline.metrics.margins import BOUND, margin, margins_of
from blur_pipeline.metrics.shadows import MEASURES, SETS, SHADOW_COLUMNS, shadow_table
from blur_pipeline.metrics.ulira import LEAST_SPREAD, area, detected, log_ratios, true_positives
from blur_pipeline.statistics.intervals import Resampler

ROWS, WORLDS = 60, 20


def sides(k: int, seed: int, apart: float = 0.0, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Margins ``(k, rows)`` of two kinds, normal around how hard a row is."""
    rng = np.random.default_rng(seed)
    hard = rng.uniform(-3, 3, rows)
    return hard + rng.normal(0, 1, (k, rows)) + apart, hard + rng.normal(0, 1, (k, rows))


def table(unlearned: np.ndarray, retrained: np.ndarray, subjects: int, seed: int = 0) -> pd.DataFrame:
    """The table of these margins, as those of the forget and of the retain set."""
    k, rows = unlearned.shape
    seed_of, row_of = (grid.ravel() for grid in np.indices((k, rows)))
    part = {"row_id": row_of, "subject": row_of % subjects, "seed": seed_of}
    part |= {"unlearned": unlearned.ravel(), "retrained": retrained.ravel()}
    parts = [pd.DataFrame({"set": name, **part}) for name in SETS]
    return shadow_table(pd.concat(parts), Resampler(200, seed)).set_index("metric")


def test_margin_by_hand():
    """p = ½ gives 0 and 4/5 log 4; certain and impossible answers lie at the ends; no answer has none."""
    found = margin(np.array([np.log(2), np.log(5 / 4), 0.0, -1e-9, np.inf, 5000.0, np.nan]))
    assert found[:2] == pytest.approx([0, np.log(4)], abs=1e-12)
    assert found[2:6].tolist() == [BOUND, BOUND, -BOUND, -BOUND]
    assert np.isnan(found[6])


def test_margins_of_both_sides_stand_beside_each_other_whatever_their_order():
    """Two tokens of ½ and ⅛: p = ¼, φ = −log 3."""
    half, quarter = np.log([0.5, 0.5]), np.log([0.5, 0.125])
    rows = [
        ("forget", "a", 0, half),
        ("forget", "a", 1, quarter),
        ("retain", "a", 0, quarter),
        ("retain", "a", 1, half),
    ]
    unlearned = pd.DataFrame(rows, columns=["set", "row_id", "seed", "logprob"])
    retrained = unlearned.assign(logprob=[half] * 4).iloc[::-1]
    found = margins_of(unlearned, retrained).set_index(["set", "seed"])
    assert found["unlearned"].to_dict() == pytest.approx(
        {("forget", 0): 0, ("forget", 1): -np.log(3), ("retain", 0): -np.log(3), ("retain", 1): 0}, abs=1e-9
    )
    assert found["retrained"].tolist() == pytest.approx([0] * 4, abs=1e-9)


def test_klom_by_hand():
    """Row 1: one bin against another. Row 2: halves of (0, 1) against all at 0: ½ log ½ and ½ log(½/ε).
    Row 3: all alike."""
    unlearned = np.array([[0.0, 0.0, 7.0], [0.1, 1.0, 7.0]])
    retrained = np.array([[9.0, 0.0, 7.0], [9.1, 0.0, 7.0]])
    expected = [(1 - FLOOR) * np.log(1 / FLOOR), 0.5 * np.log(0.5) + 0.5 * np.log(0.5 / FLOOR), 0.0]
    assert klom(unlearned, retrained) == pytest.approx(expected)
    assert expected[0] == pytest.approx(11.51281, abs=1e-5)


def test_the_bins_of_klom_are_those_of_a_histogram():
    unlearned, retrained = sides(16, seed=3, rows=5)
    for row, found in enumerate(klom(unlearned, retrained)):
        ends = np.histogram_bin_edges(np.concatenate([unlearned[:, row], retrained[:, row]]), 20)
        p, q = (np.maximum(np.histogram(side[:, row], ends)[0] / 16, FLOOR) for side in (unlearned, retrained))
        assert found == pytest.approx((p * np.log(p / q)).sum())


def test_no_difference_exchanges_the_two_models_of_half_of_the_seeds():
    """One row, two seeds: exchanging either of them leaves two values beside two values, half of each kind."""
    kinds = [kind + np.arange(4)[:, None] for kind in (0, 10)]
    for sides_now in exchanged(*kinds, seed=0):
        assert [(side >= 10).sum() for side in sides_now] == [2, 2]
        assert all((side[:, 0] % 10 == np.arange(4)).all() for side in sides_now)
    unlearned, retrained = np.array([[0.0], [0.0]]), np.array([[1.0], [1.0]])
    found = no_difference(unlearned, retrained, seed=0)
    assert found.shape == (EXCHANGES, 1)
    assert found == pytest.approx(np.zeros((EXCHANGES, 1)))
    assert (no_difference(*sides(8, 0), seed=4) == no_difference(*sides(8, 0), seed=4)).all()


@pytest.mark.parametrize(("k", "of_seed", "of_model"), [(4, 0, 0), (16, 1, 0), (4, 0, 2), (8, 1, 2)])
def test_of_one_distribution_nothing_is_above_no_difference_and_nobody_is_told_apart(k, of_seed, of_model):
    """On the mean over worlds; a seed's two models may have much in common, and so may the rows of a model."""
    excess = {"klom.forget.mean": [], "ulira.forget.auc": [], "ulira.forget.true_positives": []}
    for seed in range(WORLDS):
        rng = np.random.default_rng([seed, 1])
        common = rng.normal(0, of_seed, (k, 1)) + rng.normal(0, of_model, (2, k, 1))
        of_forget = table(*(side + more for side, more in zip(sides(k, seed, rows=30), common, strict=True)), 30)
        for metric, values in excess.items():
            values.append(of_forget.loc[metric, "excess"])
    assert of_forget.loc["klom.forget.mean", "value"] > 1  # noise alone
    for metric, values in excess.items():
        assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(WORLDS), metric
    assert np.mean(excess["ulira.forget.auc"]) == pytest.approx(0, abs=0.05)
    assert of_model or np.mean(excess["ulira.forget.true_positives"]) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("k", [4, 16])
def test_one_row_alone_is_blind_too(k):
    """Compared with all retrained models, and not with that of its seed, it would be 0.44."""
    scores = log_ratios(*sides(k, seed=0, rows=1500))
    once = np.ones((1, 1))
    areas = [area(scores[0][:, [row]], scores[1][:, [row]], once)[0] for row in range(1500)]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.02)
    assert np.mean(scores[0][:, None] > scores[1][None]) < 0.46


def test_far_apart_all_are_told_and_klom_is_at_most():
    unlearned, retrained = sides(16, seed=0)
    unlearned, retrained = unlearned / 100 - 50, retrained / 100 + 50
    of_forget = table(unlearned, retrained, subjects=10)
    assert of_forget.loc["ulira.forget.auc", "value"] == 1
    assert of_forget.loc["ulira.forget.true_positives", "value"] == 1
    assert of_forget.loc["klom.forget.mean", "value"] == pytest.approx((1 - FLOOR) * np.log(1 / FLOOR))
    assert of_forget.loc["klom.forget.p95", "value"] == pytest.approx((1 - FLOOR) * np.log(1 / FLOOR))
    assert of_forget.loc["klom.forget.mean", "excess"] > 10
    assert 0.7 < of_forget.loc["ulira.forget.auc", "low"] < 1  # ten subjects, all in order: Newcombe's
    assert "all give this value" in of_forget.loc["ulira.forget.true_positives", "reason"]


def test_a_fit_leaves_out_both_models_of_the_seed_that_is_judged():
    """What a model's own margin, or its sibling's, does to the fits that it is judged by: nothing."""
    unlearned, retrained = sides(6, seed=1, apart=2.0, rows=3)
    scores = log_ratios(unlearned, retrained)
    for side, margins in enumerate((unlearned, retrained)):
        for seed in range(6):
            others = [np.delete(m, seed, axis=0) for m in (unlearned, retrained)]
            log_density = [
                -0.5 * ((margins[seed] - o.mean(axis=0)) / o.std(axis=0, ddof=1)) ** 2 - np.log(o.std(axis=0, ddof=1))
                for o in others
            ]
            assert scores[side][seed] == pytest.approx(log_density[0] - log_density[1])
    moved = unlearned.copy()
    moved[2] += 40
    assert log_ratios(moved, retrained)[1][2] == pytest.approx(scores[1][2])  # the sibling's
    assert log_ratios(moved, retrained)[1][3] != pytest.approx(scores[1][3])  # and another's, which it is a part of


def test_without_a_spread_there_is_a_floor():
    same = np.full((4, 1), BOUND)
    scores = log_ratios(same, same - 1)
    assert scores[0] == pytest.approx(np.full((4, 1), 0.5 * (1 / LEAST_SPREAD) ** 2))
    assert (scores[1] == -scores[0]).all()


def test_true_positives_by_hand():
    """Of retrained scores 1 … 100 one may lie above 99: two of the four unlearned ones do. With the highest two counted
    ten times the threshold is the highest itself."""
    retrained, unlearned = np.arange(1.0, 101), np.array([5.0, 99.0, 99.5, 200.0])
    one_each = np.ones((1, 100))
    padded = np.concatenate([unlearned, np.zeros(96)])
    assert true_positives(retrained, padded, one_each) == pytest.approx(2 / 100)
    heavy = one_each.copy()
    heavy[0, 98:] = 10
    assert true_positives(retrained, padded, heavy) == pytest.approx(1 / 118)


def test_a_resample_is_the_table_of_the_rows_that_it_draws():
    scores = sides(5, seed=2, apart=1.0, rows=40)
    drawn = np.random.default_rng(0).integers(0, 4, (3, 40))
    for measure in (area, detected):
        resampled = measure(*scores, drawn.astype(float))
        for number, times in enumerate(drawn):
            alone = measure(*(np.repeat(side, times, axis=1) for side in scores), np.ones((1, times.sum())))
            assert resampled[number] == pytest.approx(alone[0])


@pytest.mark.parametrize(("subjects", "known"), [(7, False), (8, True)])
def test_an_interval_needs_eight_subjects(subjects, known):
    of_sets = table(*sides(8, seed=0, apart=0.7), subjects=subjects)
    for metric in ("klom.forget.mean", "ulira.forget.auc", "ulira.forget.true_positives"):
        row = of_sets.loc[metric]
        assert np.isfinite([row["low"], row["high"]]).all() == known
        assert known or "8 are needed" in row["reason"]
        assert not known or row["low"] < row["value"] < row["high"]


def test_the_table_says_how_many_models_and_what_is_not_there():
    found = table(*sides(4, seed=0, rows=10), subjects=10)
    assert list(found.reset_index()) == SHADOW_COLUMNS
    assert found.index.tolist() == [measure.format(name) for name in SETS for measure in MEASURES]
    assert (found["models"] == 4).all()
    assert "40 scores" in found.loc["ulira.forget.true_positives", "reason"]
    margins = pd.DataFrame([("forget", "a", 0, s, 1.0, np.nan) for s in range(4)],
                           columns=["set", "row_id", "subject", "seed", "unlearned", "retrained"])  # fmt: skip
    empty = shadow_table(margins, Resampler(100, 0))
    assert empty["value"].isna().all()
    assert set(empty["reason"]) == {"no row of forget was scored", "no row of retain was scored"}
