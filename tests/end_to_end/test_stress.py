"""One command attacks a finished model, another a model that someone else made; what a kill leaves is gone on from."""

import json
import re
import shutil
import signal
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from blur_pipeline.metrics.membership import ATTACKS
from tests.end_to_end.commands import Command, kedro, ran
from tests.end_to_end.conftest import SMALL, newest
from tests.end_to_end.test_lineage import made

PROFILE = (
    "stress.profile=one,stress.profiles.one.attacks.relearn.batch_size=8,"
    "stress.profiles.one.attacks.prompts.shots=2,stress.profiles.one.attacks.quantise.group=0"
)
STRESSED = SMALL.replace("stress.profile=off", PROFILE)
STATES = 4
"""Of each model: before any attack, and under each of three."""
TABLES = ("stress_states.parquet", "stress_attacks.parquet", "stress_metrics.parquet", "stress_answers.parquet")


def kept(project: Path) -> dict[Path, int]:
    """What attacks have found so far, each a file of its own."""
    found = project.glob("data/07_model_output/registry/kept_scores/stress-*/*/[0-9a-f]*.parquet")
    return {path: path.stat().st_ino for path in found}


def tables(project: Path, model: str = "blur_npo") -> dict[str, pd.DataFrame]:
    below = f"07_model_output/registry/{model}-*/*"
    return {name: pd.read_parquet(newest(project, name, below)) for name in TABLES}


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    return shutil.copytree(finished, tmp_path_factory.mktemp("stress") / "project")


@pytest.fixture(scope="module")
def resumed(project) -> tuple[set[str], dict[Path, int], str]:
    """What was made before, what the attacks of a run that was killed left, and what the same command said then."""
    before = set(made(project))
    command = Command(project, "run", "--params", STRESSED)
    while command.poll() is None and len(kept(project)) < 2:
        time.sleep(0.05)
    command.send_signal(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    left = kept(project)
    return before, left, ran(kedro(project, "run", "--params", STRESSED))


def test_one_command_attacks_a_finished_model_and_makes_nothing_else(project, resumed):
    manifests = [json.loads((project / path).parent.joinpath("manifest.json").read_text()) for path in made(project)]
    new = {m["stage"].partition(".")[0] for m in manifests if m["path"] not in resumed[0]}
    assert new == {"stress", "residual", "report"}
    for name in ("report.html", "summary.md"):
        assert "Does it stay forgotten?" in newest(project, name, "08_reporting/registry/blur_npo-*/*").read_text()


def test_attacks_that_were_done_before_the_kill_are_not_made_again(project, resumed):
    _, left, said = resumed
    assert 2 <= len(left) < 3 * STATES
    assert len(re.findall(rf"Stress \d of {STATES}:", said)) == 3 * STATES - len(left)
    assert left.items() <= kept(project).items()


def test_what_was_found_equals_a_suite_that_nobody_broke_off_to_the_bit(finished, project, resumed, tmp_path):
    whole = shutil.copytree(finished, tmp_path / "project")
    ran(kedro(whole, "run", "--pipelines", "stress", "--params", STRESSED))
    for name, table in tables(whole).items():
        pd.testing.assert_frame_equal(table, tables(project)[name], check_exact=True)


def test_each_attack_has_a_run_below_the_run_that_finished(project, resumed):
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    runs = mlflow.search_runs(experiment_names=["registry"])
    attacks = runs[runs["tags.attack"].notna()]
    assert set(attacks["tags.mlflow.runName"]) == {"stress: relearn", "stress: prompts", "stress: quantise"}
    assert len(attacks) == 3
    parent = runs.set_index("run_id").loc[attacks["tags.mlflow.parentRunId"].unique().item()]
    assert parent["status"] == "FINISHED"
    assert parent["tags.attacks"] != "none"
    assert {a.path for a in mlflow.MlflowClient().list_artifacts(parent.name, "figures")} >= {"figures/stress.html"}


def test_one_command_attacks_a_model_that_someone_else_made(project, resumed):
    """Target and retrained model are given too: nothing is trained, nothing copied, and the same is found of it."""
    of = lambda name, model: newest(project, name, f"06_models/registry/{model}-*")
    shutil.copytree(of("unlearned_model", "blur_npo"), project / "theirs")
    given = (
        f"{STRESSED},reporting.register_model=copy,method=given,unlearning.methods.given.edit.path=theirs,"
        f"models.target.kind=given,models.target.path={of('target_model', 'target').relative_to(project)},"
        f"models.retrained.kind=given,models.retrained.path={of('retrained_model', 'retrained').relative_to(project)},"
        "reporting.register_model=reference"
    )
    said = ran(kedro(project, "run", "--params", given))
    assert "Training" not in said
    for name, table in tables(project).items():
        pd.testing.assert_frame_equal(table, tables(project, "given")[name], check_exact=True)
    there = of("unlearned_model", "given")
    assert [path.name for path in there.iterdir()] == ["reference.json"]
    assert "Does it stay forgotten?" in newest(project, "report.html", "08_reporting/registry/given-*/*").read_text()
    model = mlflow.pyfunc.load_model("models:/registry-given/1")
    assert isinstance(model.predict(["Where was Anouk Eskeland born?"])[0], str)
    assert "To do: none of" in ran(kedro(project, "run", "--dry-run", "--params", given))


def test_each_attack_was_made_on_all_three_models(project, resumed):
    for model in ("target", "retrained", "blur_npo"):
        table = pd.read_parquet(newest(project, "stress_answers.parquet", f"07_model_output/registry/{model}-*/*"))
        assert list(table["attack"].unique()) == ["none", "relearn", "prompts", "quantise"]
        cost = table.groupby(["attack", "of"])["passes"].sum()
        assert cost["none", "forget"] == pytest.approx(1)
        assert cost["quantise", "forget"] == pytest.approx(3)  # in 8, 4 and 3 bits, each asked once
        assert cost["relearn", "forget"] == pytest.approx(3 * 40 / 3 + 4, rel=0.05)  # three steps an epoch


def test_what_an_unlearning_leaves_as_traces_stands_among_its_metrics(project, resumed):
    table = pd.read_parquet(newest(project, "metrics_long.parquet", "08_reporting/registry/blur_npo-*/*"))
    found = table[table["model"] == "unlearned"].set_index("metric")["value"]
    wanted = [f"forensics.membership_gap.{name}" for name in ATTACKS if name != "reference"]
    wanted += [f"forensics.ranked_by_{m}{n}" for m in ("probability", "fact_probability") for n in ("", ".gap")]
    assert found[wanted].between(0, 1).all()
    ours, goal = found["forensics.ranked_by_probability"], found["forensics.ranked_by_probability.retrained"]
    assert found["forensics.ranked_by_probability.gap"] == abs(ours - goal)
