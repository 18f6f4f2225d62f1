"""Several seeds as child runs, killed and taken up, then everything in MLflow ranked."""

import json
import re
import shutil
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from blur_pipeline.statistics.possible import possible
from tests.end_to_end.commands import kedro, ran
from tests.end_to_end.conftest import SMALL, newest, versions
from tests.end_to_end.test_lineage import kill_when, made, runs_of, start

PARAMS, SEEDS = f"{SMALL},unlearning.seeds=0 3 4", ("--pipelines", "seeds")


def scored(project: Path) -> set[Path]:
    found = versions(project, "token_scores.parquet", "07_model_output/registry/blur_npo-*/*")
    return {path for path in found if path.with_name("manifest.json").exists()}


@pytest.fixture(scope="module")
def resumed(finished, tmp_path_factory) -> tuple[Path, dict[str, str], str]:
    """Of three seeds the first is found, and the last one broken off: the project, what was made by then, and what the
    same command said."""
    project = shutil.copytree(finished, tmp_path_factory.mktemp("compared") / "project")
    # A copy's artifacts still lie with the original; only the metrics' own file is read from there.
    earlier = scored(project)
    kill_when(start(project, PARAMS, *SEEDS), lambda: len(scored(project) - earlier) == 2)
    before = made(project)
    said = ran(kedro(project, "run", *SEEDS, "--params", PARAMS))
    assert len(scored(project) - earlier) == 2
    return project, before, said


@pytest.fixture(scope="module")
def compared(resumed) -> Path:
    project, _, _ = resumed
    done = kedro(project, "run", "--pipelines", "comparison", "--params", SMALL)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "leaderboard:" in done.stdout
    assert re.search(r"^ +[\w() ]+ blur_npo .*\n +3 seeds ", done.stdout, re.MULTILINE)
    return project


def test_a_crash_in_a_later_seed_costs_that_seed(resumed):
    project, before, said = resumed
    assert {path: made(project)[path] for path in before} == before
    assert said.count("nothing; all was there already") == 2  # the first two seeds
    assert "Over the seeds" in said
    assert re.search(r"^ +forget\.probability +3 +[\d.e-]+ ", said, re.MULTILINE)
    assert "unlearning.seed=4" in said  # the command that does it by hand
    assert set(pd.read_parquet(newest(project, "seed_metrics.parquet"))["seed"]) == {0, 3, 4}
    assert "RUNNING" not in set(runs_of(project)["status"])


def test_each_seed_is_a_child_run(compared):
    runs = runs_of(compared)
    parent = runs.query("`tags.mlflow.runName` == 'seeds: blur_npo ×3' and status == 'FINISHED'").iloc[0]
    children = runs[runs["tags.mlflow.parentRunId"] == parent["run_id"]]
    assert sorted(children["params.unlearning.seed"]) == ["0", "3", "4"]
    children = children[children["params.unlearning.seed"] != "0"]  # of which no child trained anything
    trained = runs[runs["run_id"].isin(children["tags.made_by.unlearned_model"])]
    assert sorted(trained["params.unlearning.seed"]) == ["3", "4"]  # both before the kill
    for some in (children, trained):
        for name in ("params.unlearning.weighting.gamma", "params.models.base.hidden_size", "tags.identity.unlearned"):
            assert some[name].notna().all()  # complete, like any other run
        assert some["tags.host"].notna().all()
        assert some["tags.git_commit"].notna().all()
    assert children["metrics.unlearned/forget.probability"].notna().all()
    assert trained["metrics.unlearning/forget_loss"].notna().all()


def test_the_runs_around_others_tell_what_those_gave(compared):
    """A comparison has measured nothing itself: else the next one would rank it, without intervals."""
    mlflow.set_tracking_uri(f"sqlite:///{compared}/mlflow.db")
    runs = mlflow.search_runs(experiment_names=["registry"], output_format="list")
    named = {run.data.tags["mlflow.runName"]: run for run in runs if run.info.status == "FINISHED"}
    comparison, seeds = named["comparison"], named["seeds: blur_npo ×3"]
    assert {name.split("/")[0] for name in comparison.data.metrics} == {"seconds"}
    note = comparison.data.tags["mlflow.note.content"]
    assert f"/runs/{comparison.info.run_id}/artifacts/leaderboard.html" in note
    assert "None of 2 configuration(s) has a rank" in note
    assert "--pipelines comparison" in comparison.data.tags["kedro_command"]
    names = list(seeds.data.metrics)
    assert names[0] == "headline/distance"
    assert {name.split("/")[0] for name in names} == {"headline", "over_seeds", "seconds"}
    of_seeds = (seeds.data.metrics[f"{prefix}/retain.probability"] for prefix in ("headline", "over_seeds"))
    assert next(of_seeds) == pytest.approx(next(of_seeds), rel=1e-3)
    assert "| retain.probability | 3 |" in seeds.data.tags["mlflow.note.content"]
    child = next(
        run for run in runs if run.data.tags.get("mlflow.parentRunId") and run.data.params.get("unlearning.seed") == "3"
    )
    assert "--pipelines seeds" in child.data.tags["kedro_command"]
    assert "unlearning.seed=3" in child.data.tags["by_hand"]


def test_the_seed_table_holds_the_seeds_spread_and_the_examples_noise(compared):
    values = pd.read_parquet(newest(compared, "seed_metrics.parquet"))
    table = pd.read_parquet(newest(compared, "seed_table.parquet")).set_index("metric")
    ours = values[values["metric"] == "real_authors.probability"]
    row = table.loc["real_authors.probability"]
    assert row["mean"] == pytest.approx(ours["value"].mean())
    assert row["sd"] == pytest.approx(ours["value"].std())
    assert row["above"] == pytest.approx((ours["high"] - ours["value"]).median())
    assert row["low"] < row["seed_low"] < row["mean"] < row["seed_high"] < row["high"]
    for metric, row in table.iterrows():
        least, most = possible(metric)
        ends = row[["min", "max", "low", "high"]].dropna()
        assert ends.between(least, most).all(), metric
    quality = values[values["metric"] == "forget_quality"]["value"]
    assert table.loc["forget_quality", ["min", "max"]].tolist() == [quality.min(), quality.max()]
    assert pd.isna(table.loc["forget_quality", "mean"])


def test_seeds_may_be_narrowed_and_named_in_the_singular(compared):
    tables = versions(compared, "seed_table.parquet")
    params = f"{SMALL},unlearning.seeds=3 4"  # both are found
    said = ran(kedro(compared, "run", "--pipeline", "seeds", "--to-outputs", "seed_metrics", "--params", params))
    assert "unlearning.seed=3" in said
    made = newest(compared, "seed_metrics.parquet")
    assert set(pd.read_parquet(made)["seed"]) == {3, 4}
    assert versions(compared, "seed_table.parquet") == tables
    again = json.loads(made.with_name("manifest.json").read_text())["made"]["again"]
    assert again.startswith("kedro run --pipelines seeds --params")
    parent = runs_of(compared).query("`tags.mlflow.runName` == 'seeds: blur_npo ×2' and status == 'FINISHED'").iloc[0]
    assert "seed_metrics" in ran(kedro(compared, "lineage", str(made)))
    assert parent["params.unlearning.seed"] == "0"


def test_a_leaderboard_can_be_drawn_from_where_it_stands(compared):
    ran(kedro(compared, "run", "--pipelines", "comparison", "--from-nodes", "draw_pareto", "--params", SMALL))


def test_the_leaderboard_ranks_every_configuration(compared):
    table = pd.read_parquet(newest(compared, "leaderboard.parquet"))
    assert set(table["method"]) == {"npo", "blur_npo"}
    assert table.set_index("method").loc["blur_npo", "seeds"] == 3  # the first run's and the two children
    page = newest(compared, "leaderboard.html").read_text()
    said = newest(compared, "leaderboard.md").read_text()
    for text in (page, said):
        assert "blur_npo" in text
        assert "retrained model" in text  # the distance's references
        assert "is wrecked and has no rank" in text
    links = re.findall(r'<a href="([^"]+)">report</a>', page)
    assert links
    for link in links:
        assert (newest(compared, "leaderboard.html").parent / link).is_file()


def test_a_metric_that_was_not_measured_cannot_rank(compared):
    """Named before anything is written."""
    before = newest(compared, "compared_runs.parquet")
    done = kedro(compared, "run", "--pipelines", "comparison", "--params", f"{SMALL},comparison.utility=verbmem")
    assert done.returncode == 1
    assert "Parameter 'comparison.utility': no run to be ranked has the metric 'verbmem'" in done.stderr
    assert newest(compared, "compared_runs.parquet") == before


def test_nothing_to_compare_is_said_in_a_sentence(compared, tmp_path):
    shutil.copytree(compared, tmp_path / "empty", ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts"))
    done = kedro(tmp_path / "empty", "run", "--pipelines", "comparison", "--params", SMALL)
    assert done.returncode == 1
    assert "MLflow holds no finished run of the benchmark 'registry'" in done.stderr
