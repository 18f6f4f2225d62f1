"""``--pipelines campaign``: a method varied, one as it is, killed and taken up by two processes; worlds, then rows."""

import json
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.end_to_end.commands import Command, kedro, ran
from tests.end_to_end.conftest import SMALL, copy_project, newest, versions
from tests.end_to_end.test_lineage import runs_of

WORLDS = """
methods: [ga, npo]
settings: 2
seeds: [10]
reported: [0]
sampler: {kind: qmc}
judge: {floor: 0.0}
ranges: {ga: {optimizer.lr: null, schedule.epochs: null}}
"""
ROWS = """
methods: [ga]
settings: 1
seeds: [3]
reported: [0]
judge: {by: rows, floor: 0.0}
"""
ONE_EPOCH = ",".join(f"unlearning.methods.{method}.schedule.epochs=1" for method in ("ga", "npo"))
SETS = ("forget", "retain", "holdout", "background.paraphrases")
WORLD = ",".join([SMALL, *(f"sources.{name}.holdout_people=2" for name in SETS)])
"""With two people held out, one for either half of the rows."""
TINY = f"{WORLD},comparison.utility=retain.probability,{ONE_EPOCH}"


def arguments(name: str, params: str = TINY) -> tuple[str, ...]:
    return "run", "--pipelines", "campaign", "--params", f"{params},campaign.path=conf/campaigns/{name}.yml"


def measured(project: Path) -> list[Path]:
    """Whole ones: a kill may fall between a table and its manifest."""
    found = versions(project, "metrics.parquet", "07_model_output/registry/[gn]*/*")
    return [path for path in found if path.with_name("manifest.json").exists()]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Killed when two cells had been measured, then the same command in two processes at once."""
    project = copy_project(tmp_path_factory.mktemp("campaign"))
    (project / "conf/campaigns/worlds.yml").write_text(WORLDS)
    (project / "conf/campaigns/rows.yml").write_text(ROWS)
    first = Command(project, *arguments("worlds"))
    while len(measured(project)) < 2 and first.poll() is None:
        time.sleep(0.25)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    both = [Command(project, *arguments("worlds")) for _ in range(2)]
    for command in both:
        assert command.wait() == 0, command.said("stdout")[-3000:] + command.said("stderr")[-3000:]
    (project / "both.log").write_text("".join(command.said("stdout") for command in both))
    return project


def test_a_killed_campaign_goes_on_in_two_processes_that_make_nothing_twice(project):
    assert len(measured(project)) == 2 + 1 + 2  # two settings of npo, ga, which nothing varies, then both as chosen
    assert len(versions(project, "target_model")) == 2  # a world each, shared by the methods
    said = " ".join((project / "both.log").read_text().split())
    for words in ("run(s) left", "By hand: kedro run --params", "npo, setting 2 of 2, seed 10", "ga as chosen, seed 0"):
        assert words in said
    runs = runs_of(project)
    assert "KILLED" in set(runs["status"])
    parents = runs.query("`tags.mlflow.runName` == 'campaign worlds' and status == 'FINISHED'")
    assert len(parents) == 2
    children = runs[runs["tags.mlflow.parentRunId"].isin(parents["run_id"])]
    assert set(children["status"]) == {"FINISHED"}
    one, other = (pd.read_parquet(path) for path in versions(project, "tried.parquet"))
    pd.testing.assert_frame_equal(one, other)


def test_its_tables_tell_what_was_tried_and_report_other_worlds(project):
    tried = pd.read_parquet(newest(project, "tried.parquet"))
    assert tried.groupby("method")["setting"].apply(sorted).to_dict() == {"ga": [1], "npo": [1, 2]}
    chosen = tried[tried["standing"] == "chosen"].set_index("method")
    assert set(chosen.index) == {"ga", "npo"}
    for method, part in tried.groupby("method"):
        assert chosen.loc[method, "distance"] == part["distance"].min()
    assert tried["command"].str.contains("seed=10").all()
    table = pd.read_parquet(newest(project, "table.parquet"))
    assert set(table["method"]) == {"ga", "npo"}
    runs = pd.read_parquet(newest(project, "runs.parquet"))
    assert set(runs["seed"]) == {0}
    page = newest(project, "campaign.html").read_text()
    for method in ("ga", "npo"):
        assert method in page
        assert method in newest(project, "campaign.md").read_text()
    assert newest(project, "pareto_plot.json").stat().st_size > 1000


def test_the_command_of_a_cell_finds_the_cell_and_the_settings_are_parameters(project):
    tried = pd.read_parquet(newest(project, "tried.parquet"))
    before = measured(project)
    command = tried.query("method == 'npo' and standing == 'chosen'")["command"].item()
    ran(kedro(project, *command.split()[1:]))
    assert measured(project) == before
    said = yaml.safe_load(newest(project, "settings.yml").read_text())["unlearning"]["methods"]
    values = json.loads(tried.query("method == 'npo' and standing == 'chosen'")["values"].item())
    assert said["npo"]["optimizer"]["lr"] == values["optimizer.lr"]


def test_done_again_it_makes_no_model_and_ends_with_the_same_table(project):
    before, tables = measured(project), versions(project, "tried.parquet")
    ran(kedro(project, *arguments("worlds")))
    assert measured(project) == before
    again = versions(project, "tried.parquet")
    assert len(again) == len(tables) + 1
    pd.testing.assert_frame_equal(pd.read_parquet(again[-1]), pd.read_parquet(tables[-1]))


def test_on_halves_of_the_rows_one_target_serves_and_no_subject_that_chose_is_reported(project):
    targets = versions(project, "target_model")
    ran(kedro(project, *arguments("rows")))
    assert versions(project, "target_model") == targets  # that of the world which is reported
    two = versions(project, "example_metrics.parquet", "07_model_output/registry/ga-*/*")
    halves = [pd.read_parquet(path) for path in sorted(two, key=lambda path: path.stat().st_mtime)[-2:]]
    assert not set(halves[0]["subject"]) & set(halves[1]["subject"])
    assert set(halves[0]["set"]) == set(halves[1]["set"])
    assert "half of the subjects" in newest(project, "campaign.md", "**/campaign-rows-*").read_text()


def test_a_target_without_utility_is_nothing_to_choose_by(project):
    before = measured(project)
    refused(project, "has no 'model_utility' that could be kept", *arguments("worlds", f"{WORLD},seed=1"))
    assert measured(project) == before


def refused(project: Path, words: str, *arguments: str) -> None:
    done = kedro(project, *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.startswith("Error: ")
