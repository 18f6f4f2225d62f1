"""A campaign's tables from boards that a formula filled."""

import json

import pandas as pd
import pytest
import yaml

from blur_pipeline.campaign import tables
from blur_pipeline.campaign.boards import reported_boards, tuning_boards
from blur_pipeline.campaign.judging import judge
from blur_pipeline.campaign.signs import Process
from blur_pipeline.campaign.study import open_storage
from blur_pipeline.campaign.work import work_off
from blur_pipeline.config.comparison import Comparison
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.report.campaign_pages import campaign_pages
from blur_pipeline.report.distance import DISTANCE, UTILITY
from blur_pipeline.report.pareto_plot import pareto_plot
from tests.campaign.given import note, plan
from tests.resolved import loader

SHOWN = ["forget.rouge"]
TEXT = "methods: [ga, npo, rmu]\nsettings: 4\nseeds: [10, 11]\nreported: [0, 1, 2]\njudge: {floor: 0.9}"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """ga keeps too little throughout; of npo the third setting is the best; rmu fails always."""
    tmp_path = tmp_path_factory.mktemp("campaign")
    found = plan(tmp_path, TEXT)
    storage, process = open_storage(f"sqlite:///{tmp_path}/c.sqlite", 120), Process(tmp_path / "processes")
    boards = tuning_boards(found, storage, process)

    def do(method, taken):
        if method == "rmu":
            taken.failed("seed 10: step 3: no number")
            return
        distance, utility = abs(taken.slot - 2) / 10 + 0.1, 0.5 if method == "ga" else 0.95
        for seed in (10, 11):
            taken.note(f"seed {seed}", note(distance, utility))
        taken.done(distance, 0.9 - utility)

    work_off(boards, do)
    reported = reported_boards(found, storage, process, boards)
    work_off(reported, lambda _, t: (t.note(f"seed {t.slot}", note(0.2 + t.slot / 100, 0.92)), t.done(0.2, 0.0)))
    best = {method: board.best() for method, board in boards.items()}
    tried = tables.tried({m: b.outcomes() for m, b in boards.items()}, best, found.campaign.seeds)
    runs = tables.reported({m: b.outcomes() for m, b in reported.items()}, best)
    process.close()
    return found, tried, runs


def test_every_setting_has_its_row_with_standing_and_reason(done):
    _, tried, _ = done
    assert len(tried) == 12
    standing = tried.set_index(["method", "setting"])["standing"]
    assert standing["npo", 3] == "chosen"
    assert set(standing["npo"].drop(3)) == {"kept enough"}
    assert set(standing["ga"]) == {"below the floor"}
    assert set(standing["rmu"]) == {"failed"}
    assert tried.query("method == 'rmu'")["why"].unique().tolist() == ["seed 10: step 3: no number"]
    assert tried.query("method == 'npo'")["setting"].iloc[0] == 3  # the chosen one first
    assert tried.query("method == 'ga'")[["distance", "utility_kept", "seeds"]].iloc[0].tolist() == [0.1, 0.5, 2]


def test_what_was_chosen_is_ranked_on_the_seeds_that_are_reported(done):
    found, _, runs = done
    table = tables.ranked(runs, SHOWN, found.floor)
    assert table["method"].tolist() == ["npo"]
    assert table.loc[0, DISTANCE] == pytest.approx(0.21)  # not the 0.1 that chose it
    assert table.loc[0, "seeds"] == 3
    assert table.loc[0, "standing"] == "ranked"
    assert table.loc[0, UTILITY] == pytest.approx(0.92)


def test_a_method_without_a_choice_says_so(done):
    found, tried, _ = done
    without = tables.without_choice(tried, found.floor).set_index("method")
    assert without.loc["ga", "why"] == "none of 4 setting(s) kept 90% of the utility"
    assert without.loc["ga", "most utility kept"] == 0.5
    assert without.loc["rmu", "why"].startswith("all 4 setting(s) failed, the first so: seed 10: step 3")


def test_the_settings_to_copy_are_parameters_of_this_project(done):
    found, tried, runs = done
    table, without = tables.ranked(runs, SHOWN, found.floor), tables.without_choice(tried, found.floor)
    text = tables.settings_yaml(tried, table, without, found)
    said = yaml.safe_load(text)
    assert list(said["unlearning"]["methods"]) == ["npo"]
    assert "# ga: none of 4 setting(s) kept" in text
    chosen = json.loads(tried.query("standing == 'chosen'")["values"].item())
    preset = check_parameters(loader("base", **said)["parameters"]).unlearning.methods["npo"]
    assert preset.optimizer.lr == chosen["optimizer.lr"]
    assert preset.forget[0].beta == chosen["forget.beta"]


def test_the_page_shows_all_of_it(done):
    found, tried, runs = done
    table, without = tables.ranked(runs, SHOWN, found.floor), tables.without_choice(tried, found.floor)
    shown = {"table": tables.readable(table, SHOWN), "without": without, "tried": tables.for_reading(tried)}
    figure = pareto_plot(runs, table, found.floor)
    for page in campaign_pages("Campaign x", figure, shown, tables.rules(found), "unlearning: {}\n"):
        for words in ("npo", "none of 4 setting(s) kept", "step 3: no number", "What chose is never what is reported"):
            assert words in page
    assert tables.failures(runs[runs["seed"] != 1], table, [0, 1, 2]) == ["npo: what was chosen failed on seed 1."]
    on_all = tables.failures(runs[:0], table[table["method"] == "npo"], [0, 1, 2])  # which no ranking has a row of
    assert on_all == ["npo: what was chosen failed on seed 0, 1, 2."]


def test_where_nothing_was_chosen_there_are_pages_all_the_same(done):
    found, tried, runs = done
    tried = tried[tried["method"] != "npo"]
    table = tables.ranked(runs.iloc[:0], SHOWN, found.floor)
    figure = pareto_plot(runs.iloc[:0], table, found.floor)
    without = tables.without_choice(tried, found.floor)
    shown = {"table": tables.readable(table, SHOWN), "without": without, "tried": tables.for_reading(tried)}
    text = tables.settings_yaml(tried, table, without, found)
    assert yaml.safe_load(text) == {}
    for page in campaign_pages("Campaign x", figure, shown, tables.rules(found), text):
        assert "No method has a setting that keeps enough" in page


def test_a_cell_is_judged_as_the_leaderboard_does():
    """Distance: the largest gap; here of rouge, |0.5 − 0.1|; utility 0.6 of the target's 0.8."""
    values = {
        "target": {"forget.probability": 0.9, "forget.rouge": 0.95, "model_utility": 0.8},
        "retrained": {"forget.probability": 0.2, "forget.rouge": 0.1, "model_utility": 0.8},
        "unlearned": {"forget.probability": 0.3, "forget.rouge": 0.5, "model_utility": 0.6},
    }
    metrics = {
        model: pd.DataFrame([(m, v, v, v) for m, v in of.items()], columns=["metric", "value", "low", "high"])
        for model, of in values.items()
    }
    said = judge(metrics, Comparison())
    assert said["distance"] == pytest.approx(0.4)
    assert said["utility"] == pytest.approx(0.75)
    assert said["farthest"] == "forget.rouge"
    assert json.loads(json.dumps(said, allow_nan=False)) == said  # as the storage keeps it
    rows = pd.DataFrame(said["rows"], columns=["model", "metric", "value", "low", "high"])
    assert set(rows["model"]) == set(values)
    with pytest.raises(BadInputError, match=r"'comparison\.utility'"):
        judge({model: table[table["metric"] != "model_utility"] for model, table in metrics.items()}, Comparison())
