"""Runs against each other: by hand."""

import math

import pandas as pd
import pytest

from blur_pipeline.config.comparison import Comparison, Yardstick
from blur_pipeline.report.distance import with_distance
from blur_pipeline.report.leaderboard import (
    NOT_RANKED,
    about_attacks,
    hypervolumes,
    leaderboard,
    paired_tests,
    readable,
)
from blur_pipeline.report.pages import leaderboard_pages
from blur_pipeline.report.pareto_plot import pareto_plot, residual_plot
from tests.report.comparable import run, runs_of

COMPARISON = Comparison(distance=[Yardstick(metric="forget.probability")], attack_scale=None)
SHARED = {
    "target": {"forget.probability": 1.0, "model_utility": 0.5},
    "retrained": {"forget.probability": 0.2, "model_utility": 0.5},
}


def one(method: str, seed: int, probability: float, utility: float, settings: str = "", quality: float = math.nan):
    values = {"forget.probability": probability, "model_utility": utility, "forget_quality": quality}
    return run(method, seed, values, settings, **SHARED)


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """Distances (to 0.2) and utilities kept (of 0.5):

    npo 0.2, 0.3, 0.4 and 0.9 with three seeds; blur_npo 0.1 and 0.8 with one seed; simnpo 0.3 and 0.84 with two;
    ga is gone altogether: forget probability 0 is 0.2 off, but nothing is kept.
    """
    found = runs_of(
        *(one("npo", seed, 0.4 + 0.1 * seed, 0.45, quality=q) for seed, q in enumerate((0.01, 0.9, 0.2))),
        one("blur_npo", 0, 0.1, 0.4, "gamma 1", quality=0.3),
        *(one("simnpo", seed, 0.5, 0.42, quality=0.5 + seed / 10) for seed in (0, 1)),
        one("ga", 0, 0.0, 0.0),
    )
    return with_distance(found, COMPARISON)


@pytest.fixture(scope="module")
def table(runs) -> pd.DataFrame:
    return leaderboard(runs, ["forget_quality", "forget.probability"], COMPARISON.floor)


def test_a_wrecked_model_is_not_the_best(table):
    """ga forgets the most and would be on the front of forget probability against utility."""
    last = table.iloc[-1]
    assert (last["method"], last["standing"]) == ("ga", "wrecked")
    assert pd.isna(last["rank"])
    assert readable(table, [])["trade-off"].tolist()[-1] == "–"


def test_one_seed_is_not_ranked_against_three(table):
    """blur_npo's 0.1 is nearer than npo's 0.3, and yet the first of those with few seeds; simnpo is the second."""
    assert table["method"].tolist() == ["npo", "blur_npo", "simnpo", "ga"]
    assert table["standing"].tolist() == ["ranked", "few seeds", "few seeds", "wrecked"]
    assert readable(table, [])["rank"].tolist() == ["1", "(1)", "(2)", "wrecked"]
    assert table["dominated"].tolist() == [False, False, False, False]  # simnpo keeps more than blur_npo


def test_every_row_says_what_its_interval_holds(table):
    """Three seeds: mean 0.3, sd 0.1, half-width √((4.3027·0.1/√3)² + 0.05²) = 0.2534. One: its own ± 0.05."""
    rows = table.set_index("method")
    assert rows.loc["npo", ["distance", "distance.low", "distance.high"]].tolist() == pytest.approx(
        [0.3, 0.3 - 0.2534, 0.3 + 0.2534], abs=1e-4
    )
    assert rows.loc["blur_npo", ["distance.low", "distance.high"]].tolist() == pytest.approx([0.05, 0.15])
    assert rows.loc["simnpo", ["distance.low", "distance.high"]].isna().all()
    shown = readable(table, ["forget_quality"]).set_index("method")
    assert shown["interval of"].to_dict() == {
        "npo": "none: range of the seeds", "blur_npo": "examples", "simnpo": "none: both values", "ga": "examples"
    }  # fmt: skip
    assert shown.loc["npo", "distance"] == "0.300 (0.200 to 0.400)"
    assert shown.loc["simnpo", "utility kept"] == "0.840, 0.840"


def test_p_values_are_neither_averaged_nor_tested(runs, table):
    shown = readable(table, ["forget_quality"]).set_index("method")["forget quality"]
    said = {"npo": "0.200 (0.010 to 0.900)", "blur_npo": "0.300", "simnpo": "0.500, 0.600", "ga": "–"}
    assert shown.to_dict() == said
    both = runs_of(runs, with_distance(runs_of(*(one("rmu", s, 0.3, 0.5, quality=0.5) for s in range(3))), COMPARISON))
    assert set(paired_tests(both, ["forget_quality", "distance"])["metric"]) == {"distance"}


def test_from_five_seeds_on_the_interval_is_shown():
    """0.2 to 0.6 off by tenths: mean 0.4, sd 0.158, half-width √((2.7764·0.158/√5)² + 0.05²) = 0.2026."""
    found = with_distance(runs_of(*(one("npo", s, 0.4 + 0.1 * s, 0.45) for s in range(5))), COMPARISON)
    table = leaderboard(found, [], 0.8)
    row = readable(table, []).iloc[0]
    assert row["interval of"] == "seeds + examples"
    assert row["distance"] == "0.400 [0.197, 0.603]"
    bars = {trace.text[0]: trace.error_x for trace in pareto_plot(found, table, 0.8).data if trace.text}["1 npo"]
    assert [bars.arrayminus[0], bars.array[0]] == pytest.approx([0.2026, 0.2026], abs=1e-4)


def test_a_distance_does_not_reach_below_nothing():
    """0.02, 0.04, 0.18 off: mean 0.08 with a half-width over 0.2."""
    found = with_distance(runs_of(*(one("npo", s, 0.2 + d, 0.5) for s, d in enumerate((0.02, 0.04, 0.18)))), COMPARISON)
    assert leaderboard(found, [], 0.8)["distance.low"].tolist() == [0]


def test_what_lacks_a_measure_stands_last_and_without_a_rank(runs):
    lacking = with_distance(runs_of(one("npo", 0, 0.4, 0.4), one("rmu", 0, math.nan, 0.5)), COMPARISON)
    last = leaderboard(lacking, [], 0.8).iloc[-1]
    assert (last["method"], last["standing"]) == ("rmu", "not ranked")


def test_paired_tests_need_three_common_seeds_and_are_corrected(runs):
    """Three configurations on three seeds make three pairs a metric; the smallest p counts three times."""
    assert paired_tests(runs, ["distance"]).empty
    more = [one("rmu", s, 0.3 + 0.01 * s**2, 0.5) for s in range(3)] + [one("ga", s, 0.9 - 0.01 * s, 0.5, "lr 1")
                                                                      for s in range(3)]  # fmt: skip
    tests = paired_tests(runs_of(runs, with_distance(runs_of(*more), COMPARISON)), ["distance"])
    assert tests["seeds"].tolist() == [3, 3, 3]
    assert set(tests["one"]) | set(tests["other"]) == {"npo", "rmu", "ga lr 1"}
    smallest = tests.sort_values("p").iloc[0]
    assert smallest["p by Holm"] == pytest.approx(3 * smallest["p"])
    assert (tests["p by Holm"] >= tests["p by Benjamini-Hochberg"]).all()
    assert (tests["p by Benjamini-Hochberg"] >= tests["p"]).all()
    # npo is 0.2, 0.3, 0.4 off and rmu 0.1, 0.11, 0.14: (0.1 + 0.19 + 0.26)/3
    assert tests.set_index(["one", "other"]).loc[("npo", "rmu"), "difference"] == pytest.approx(0.55 / 3)


def test_configurations_with_the_same_words_are_not_mixed():
    """Two that differ in what the words do not say: seeds of the one are not averaged with seeds of the other."""
    ours = runs_of(*(one("npo", s, 0.4, 0.5) for s in range(3)))
    theirs = ours.assign(configuration="npo of old", run_id=ours["run_id"] + "b")
    tests = paired_tests(with_distance(runs_of(ours, theirs), COMPARISON), ["distance"])
    assert tests["difference"].tolist() == [0]


def test_runs_of_several_targets_are_not_ranked_together(runs):
    mixed = runs_of(runs, one("ga", 1, 0.8, 0.2).assign(target="target 2"))
    with pytest.raises(ValueError, match="several target models"):
        leaderboard(mixed, [], 0.8)
    with pytest.raises(ValueError, match="several target models"):
        paired_tests(mixed, ["distance"])


def test_hypervolumes(table):
    """Up to (1, 0): npo (1 − 0.3)·0.9. Of the few seeds blur_npo (1 − 0.1)·0.8, simnpo adds (1 − 0.3)·0.04. ga none.

    npo reaches from (1 − 0.5534)·(0.9 − 0.1) to (1 − 0.0466)·(0.9 + 0.1): utility ± 0.05 of the target's 0.5.
    """
    volumes = hypervolumes(table).set_index(["standing", "method"])
    assert volumes["configurations"].to_dict() == {
        ("ranked", "all"): 1, ("ranked", "npo"): 1,
        ("few seeds", "all"): 2, ("few seeds", "blur_npo"): 1, ("few seeds", "simnpo"): 1,
    }  # fmt: skip
    assert volumes["hypervolume"].tolist() == pytest.approx([0.63, 0.63, 0.748, 0.72, 0.588])
    assert volumes.loc[("ranked", "npo"), ["low", "high"]].tolist() == pytest.approx([0.3573, 0.9534], abs=1e-3)
    assert volumes.loc[("few seeds", "all"), ["low", "high"]].isna().all()  # simnpo has two values, no interval


def test_the_plot_greys_what_is_wrecked_and_hollows_what_has_few_seeds(runs, table):
    figure = pareto_plot(runs, table, 0.8)
    points = {trace.text[0]: trace for trace in figure.data if trace.text}
    assert points["ga 0.00"].marker.color == "#b8bdc4" != points["1 npo"].marker.color
    least = figure.layout.yaxis.range[0]  # it would press the others together, and stands at the lower edge
    assert least < points["ga 0.00"].y[0] < 0.8
    assert points["ga 0.00"].marker.symbol == "triangle-down"
    assert points["1 npo"].marker.symbol == "circle"
    assert points["1 npo"].error_x.array[0] == pytest.approx(0.1)  # of three seeds the range, 0.2 to 0.4
    assert points["(1) blur_npo"].marker.symbol == "circle-open"
    assert points["target"].x[0] == pytest.approx(0.8)
    assert points["retrained"].x[0] == 0
    assert figure.layout.shapes[0].y0 == 0.8


def attacked(method: str, seed: int, value: float, utility: float = 0.45, **excesses: float) -> pd.DataFrame:
    known = {"forget.probability": 0.4, "model_utility": utility, "stress.residual_knowledge": value}
    known |= {f"stress.{name}.excess": excess for name, excess in excesses.items()} | {"stress.mean_excess": 9.0}
    return run(method, seed, known, **SHARED)


@pytest.fixture(scope="module")
def stressed() -> pd.DataFrame:
    """npo keeps more than blur_npo and more comes back; simnpo is beaten by both; ga was put to other attacks."""
    found = runs_of(
        attacked("npo", 0, 0.6, 0.48, relearn=0.6, prompts=0.1),
        attacked("npo", 1, 0.2, 0.48, relearn=0.1, prompts=0.2),
        attacked("blur_npo", 0, 0.2, relearn=0.1, prompts=0.2),
        attacked("simnpo", 0, 0.7, 0.44, relearn=0.7, prompts=math.nan),
        one("ga", 0, 0.4, 0.45),
    )
    return with_distance(found, COMPARISON)


def test_residual_knowledge_and_the_worst_attack_are_columns(stressed):
    """npo's attacks found 0.6 and 0.1 on the mean of 0.35 and 0.15."""
    shown = readable(leaderboard(stressed, [], 0.8), []).set_index("method")
    assert shown["residual knowledge"].to_dict() == {
        "npo": "0.200, 0.600", "blur_npo": "0.200 [0.150, 0.250]", "simnpo": "0.700 [0.650, 0.750]", "ga": "–"
    }  # fmt: skip
    assert shown["worst attack"].to_dict() == {
        "npo": "relearn", "blur_npo": "prompts", "simnpo": "relearn", "ga": "–"
    }  # fmt: skip
    assert shown.columns.tolist().index("worst attack") == shown.columns.tolist().index("residual knowledge") + 1


def test_who_was_not_put_to_the_same_attacks_is_told(stressed, runs, table):
    said = " ".join(about_attacks(stressed))
    assert "the worst of 2 attacks at the budgets of today's parameters" in said
    assert "1 configuration(s) were put to other attacks or to none" in said
    assert "other attacks" not in " ".join(about_attacks(stressed[stressed["method"] != "ga"]))
    assert about_attacks(runs) == []
    assert not {"residual knowledge", "worst attack"} & set(readable(table, []).columns)


def test_the_second_plot_shows_what_comes_back_against_utility(stressed, runs, table):
    """Of the same standing simnpo has more left and keeps less than the others, which do not beat each other."""
    figure = residual_plot(stressed, leaderboard(stressed, [], 0.8), 0.8)
    points = {trace.name: trace for trace in figure.data if trace.text}
    assert points.keys() == {"target", "retrained", "npo", "blur_npo", "simnpo"}
    assert (points["target"].x[0], points["retrained"].x[0]) == (1.0, 0.0)
    assert points["blur_npo"].x[0] == 0.2
    assert points["simnpo"].marker.color == "#b8bdc4" != points["npo"].marker.color
    assert "worst attack prompts" in points["blur_npo"].hovertext[0]
    assert not residual_plot(runs, table, 0.8).data
    unranked = leaderboard(stressed, [], 0.8)
    unranked.loc[unranked["method"] == "simnpo", "standing"] = NOT_RANKED  # a measure of the distance is absent
    assert "simnpo" not in {trace.name for trace in residual_plot(stressed, unranked, 0.8).data}


def test_runs_stand_beside_their_configuration_with_their_reports(runs, table):
    shown = readable(table, []).assign(runs=table["runs"].tolist())
    assert shown.set_index("method").loc["simnpo", "runs"] == "simnpo0 simnpo1"
    empty = dict.fromkeys(("references", "volumes", "tests", "others"), pd.DataFrame())
    reports = {"simnpo0": "simnpo-1/report-2/report.html/3/report.html", "simnpo1": ""}
    page, text = leaderboard_pages("registry", [pareto_plot(runs, table, 0.8)], {"table": shown, **empty}, [], reports)
    link = '<a href="../../../simnpo-1/report-2/report.html/3/report.html">report</a> <code>simnpo0</code>'
    assert f"{link}<br><code>simnpo1</code>" in page
    assert "simnpo0 simnpo1" in text
    assert len(page) < 200_000
    assert "utility kept <span" in page  # with an arrow
