"""Runs against each other."""

import pandas as pd
import pytest

from blur_pipeline.report.leaderboard import RUN_COLUMNS, leaderboard, paired_tests, pareto_plot, readable

COST, GAIN = "forget.probability", "model_utility"


def run(method, seed, cost, gain, settings="", model="unlearned") -> list[tuple]:
    run = (f"{method}{seed}", method, settings, seed, method + settings, "target 1", model)
    return [(*run, COST, cost, cost - 0.05, cost + 0.05), (*run, GAIN, gain, gain - 0.05, gain + 0.05)]


@pytest.fixture
def runs() -> pd.DataFrame:
    rows = [
        *run("npo", 0, 0.2, 0.5),
        *run("npo", 1, 0.4, 0.7),
        *run("ga", 0, 0.5, 0.4),
        *run("blur_npo", 0, 0.1, 0.3, "gamma 1"),
        *run("blur_npo", 0, 0.9, 0.9, model="target"),
    ]
    return pd.DataFrame(rows, columns=RUN_COLUMNS)


def test_one_row_a_configuration(runs):
    table = leaderboard(runs, COST, GAIN, []).set_index("method")
    assert table.loc["npo", "seeds"] == 2
    assert table.loc["npo", COST] == pytest.approx(0.3)
    assert table.loc["npo", f"{COST}.high"] == pytest.approx(0.3 + 12.7062 * 0.1, abs=1e-3)  # t at one degree
    assert table.loc["ga", f"{COST}.low"] == pytest.approx(0.45)  # one seed: over examples
    assert table["dominated"].to_dict() == {"blur_npo": False, "npo": False, "ga": True}
    shown = readable(table.reset_index(), [COST])
    assert shown["trade-off"].tolist() == ["best", "best", "dominated"]


def test_paired_tests_need_common_seeds(runs):
    assert paired_tests(runs, [COST]).empty
    more = pd.concat([runs, pd.DataFrame(run("ga", 1, 0.8, 0.2), columns=runs.columns)])
    row = paired_tests(more, [COST]).iloc[0]
    assert (row["one"], row["other"], row["seeds"]) == ("ga", "npo", 2)
    assert row["difference"] == pytest.approx(0.35)


def test_runs_of_several_targets_are_not_ranked_together(runs):
    mixed = pd.concat([runs, pd.DataFrame(run("ga", 1, 0.8, 0.2), columns=RUN_COLUMNS).assign(target="target 2")])
    with pytest.raises(ValueError, match="several target models"):
        leaderboard(mixed, COST, GAIN, [])
    with pytest.raises(ValueError, match="several target models"):
        paired_tests(mixed, [COST])


def test_the_plot_greys_what_is_dominated(runs):
    figure = pareto_plot(runs, leaderboard(runs, COST, GAIN, []), COST, GAIN)
    colours = {trace.text[0]: trace.marker.color for trace in figure.data if trace.text}
    assert colours["ga"] == "#b8bdc4" != colours["npo"]
    assert "target" in colours
    assert "hypervolume" in figure.layout.title.text
