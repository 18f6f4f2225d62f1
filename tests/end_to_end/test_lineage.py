"""Nothing is mixed, nothing is made twice: each way in which that once happened."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.end_to_end.commands import Command, kedro, ran
from tests.end_to_end.conftest import REGISTERED, SMALL, copy_project, newest, versions
from tests.end_to_end.test_tofu_files import write_tofu
from tests.real_data.test_tofu import TINY

GAMMA = "unlearning.methods.blur_npo.weighting.gamma=0.01"
APART = [int(number) for number in os.environ.get("KILLS_APART", "10 22").split()]
"""At least and at most so many artefacts from a start to its kill; KILLS_APART="4 14" kills about twice as often."""


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    """The finished project once more, to go on in."""
    return shutil.copytree(finished, tmp_path_factory.mktemp("lineage") / "project")


def runs_of(project: Path, experiment: str = "registry") -> pd.DataFrame:
    """Newest first."""
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    return mlflow.search_runs(experiment_names=[experiment])


def made(project: Path) -> dict[str, str]:
    """Every artefact that is whole, with the content that it was made with."""
    # Not Path.glob: it stumbles over checkpoints that go while it looks.
    walk = (Path(folder) for folder, _, names in os.walk(project / "data") if "manifest.json" in names)
    paths = (folder / "manifest.json" for folder in walk if "checkpoints" not in folder.parts)
    found = (json.loads(path.read_text()) for path in paths)
    return {manifest["path"]: manifest["content"] for manifest in found}


def count_of_made(project: Path) -> int:
    """As often as one likes: nothing is read."""
    walk = (Path(folder) for folder, _, names in os.walk(project / "data") if "manifest.json" in names)
    return sum("checkpoints" not in folder.parts for folder in walk)


def test_an_unchanged_second_run_makes_nothing(project):
    before = made(project)
    said = ran(kedro(project, "run", "--params", SMALL))
    assert "To do: none of 61 nodes" in said
    assert "nothing; all was there already" in said
    assert "Metrics, with 95 % intervals" in said
    assert made(project) == before
    first, last = runs_of(project).iloc[-1], runs_of(project).iloc[0]
    assert last["tags.made_by.unlearned_model"] == first["run_id"]
    assert last["metrics.unlearned/forget.probability"] == first["metrics.unlearned/forget.probability"]


def test_more_bootstrap_samples_recompute_metrics_and_report_alone(project):
    before = set(made(project))
    ran(kedro(project, "run", "--params", SMALL.replace("bootstrap_samples=100", "bootstrap_samples=120")))
    new = {Path(path).parents[1].name for path in set(made(project)) - before}
    assert {"metrics.parquet", "example_metrics.parquet", "report.html"} <= new
    assert not new & {"token_scores.parquet", "completions.parquet", "unlearned_model", "target_model"}


def test_a_score_is_never_filed_under_other_parameters(project):
    """Train with γ = 0.01, then evaluate without saying so: that is the model of γ = 0.004, in name and in number."""
    ran(kedro(project, "run", "--params", f"{SMALL},{GAMMA}"))
    theirs = runs_of(project).iloc[0]
    ran(kedro(project, "run", "--pipelines", "evaluation,reporting", "--params", SMALL))
    ours = runs_of(project).iloc[0]
    assert theirs["params.unlearning.weighting.gamma"] == "0.01"
    assert ours["params.unlearning.weighting.gamma"] == "0.004"
    assert ours["tags.identity.unlearned"] != theirs["tags.identity.unlearned"]
    assert ours["tags.made_by.unlearned_model"] == runs_of(project).iloc[-1]["run_id"]


def test_what_was_never_made_cannot_be_evaluated(project):
    done = kedro(project, "run", "--pipelines", "evaluation,reporting", "--params", f"{SMALL},unlearning.seed=77")
    assert done.returncode == 1
    assert "unlearned_model, unlearning_log, which no run with these parameters has left" in done.stderr


def test_the_leaderboard_leaves_out_other_evaluations_and_targets(project):
    """The run with other bootstrap samples and one of another target model; the rest stands under its own settings."""
    ran(kedro(project, "run", "--params", f"{SMALL},models.seed=9"))
    ran(kedro(project, "run", "--pipelines", "comparison", "--params", SMALL))
    others = pd.read_parquet(newest(project, "other_runs.parquet"))
    assert set(others["differs_in"]) == {"evaluation", "target, retrained"}
    ranked = pd.read_parquet(newest(project, "compared_runs.parquet"))
    assert ranked["target"].nunique() == 1
    assert not set(ranked["run_id"]) & set(others["run_id"])
    table = pd.read_parquet(newest(project, "leaderboard.parquet"))
    assert sorted(table["settings"]) == ["", "weighting.gamma 0.004", "weighting.gamma 0.01"]
    ours = ranked.query("model == 'unlearned' and settings == 'weighting.gamma 0.01'").set_index("metric")["value"]
    theirs = runs_of(project).query("`params.unlearning.weighting.gamma` == '0.01'").iloc[0]
    assert ours["forget.probability"] == pytest.approx(theirs["metrics.unlearned/forget.probability"])


def test_variants_never_meet(tmp_path):
    """forget01 whole, then forget05 with another method: nothing of the one is read by the other."""
    folder = copy_project(tmp_path)
    write_tofu(folder / "files", ("forget01", "forget05"))
    tiny = f"{TINY},source_folder=files".replace("variant=forget01,", "")
    for variant, method in (("forget01", "blur_npo"), ("forget05", "npo")):
        params = f"{tiny},variant={variant},method={method}"
        ran(kedro(folder, "run", "--env", "tofu", "--to-outputs", "unlearned_model", "--params", params))
    models = {v: newest(folder, "unlearned_model", f"06_models/tofu/{v}/*") for v in ("forget01", "forget05")}
    for variant, model in models.items():
        manifest = json.loads((model.parent / "manifest.json").read_text())
        for parent in manifest["parents"].values():
            assert f"/tofu/{variant}/" in parent["path"]
    targets = [newest(folder, "target_model", f"06_models/tofu/{v}/*").parents[2].name for v in models]
    assert targets[0] != targets[1]


def start(project: Path, parameters: str, *more: str) -> Command:
    return Command(project, "run", *more, "--params", parameters)


def test_two_runs_at_once_share_what_they_share(tmp_path):
    """Two methods and twice the same one, started together: every artefact is made once, and whoever waits says so."""
    folder = copy_project(tmp_path)
    ran(kedro(folder, "run", "--to-outputs", "curation_report", "--params", SMALL))  # the database is made here
    upto = ("--to-outputs", "unlearned.metrics")
    processes = [start(folder, f"{SMALL},method={method}", *upto) for method in ("npo", "blur_npo", "npo")]
    assert [process.wait(400) for process in processes] == [0, 0, 0]
    assert any("Waiting for" in process.said("stdout") for process in processes)
    made_twice = {p for p in made(folder) if len(list((folder / p).parents[1].iterdir())) > 1}
    assert made_twice == set()
    assert len(versions(folder, "unlearned_model")) == 2
    assert len(versions(folder, "target_model")) == 1
    assert set(runs_of(folder)["status"]) == {"FINISHED"}


def kill_when(process: Command, happened) -> None:
    while process.poll() is None and not happened():
        time.sleep(0.25)
    assert process.poll() is None  # or there is nothing to kill
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_sigkill_anywhere_in_the_whole_run_costs_what_was_not_finished(finished, tmp_path):
    """At random moments until the run is through: the same models and metrics, nothing finished made twice."""
    folder, rng, kills = copy_project(tmp_path), random.Random(os.environ.get("KILLS_SEED", "7")), 0
    seen: dict[str, str] = {}
    for _ in range(40):
        process = start(folder, REGISTERED)
        began = count_of_made(folder)
        more = rng.randint(*APART)  # artefacts until the next kill, and a moment more
        pause = rng.uniform(0, 0.4)
        while process.poll() is None and count_of_made(folder) < began + more:
            time.sleep(0.25)
        time.sleep(pause)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        elif process.poll() == 0:
            break
        assert process.wait() in (0, -signal.SIGKILL), process.said("stderr")[-3000:]
        now = made(folder)
        assert {path: now[path] for path in seen} == seen
        seen = now
    assert process.poll() == 0
    assert kills >= 3
    assert {p for p in seen if len(list((folder / p).parents[1].glob("*/manifest.json"))) > 1} == set()
    for name, label in {
        "target_model": "target",
        "retrained_model": "retrained",
        "unlearned_model": "blur_npo",
    }.items():
        one, other = (load_file(newest(f, name, f"06_models/registry/{label}-*") / "model.safetensors")
                      for f in (folder, finished))  # fmt: skip
        assert all(torch.equal(one[key], other[key]) for key in other)
    tables = [pd.read_parquet(newest(f, "metrics_long.parquet", "08_reporting/registry/blur_npo-*/*")) for f in
              (folder, finished)]  # fmt: skip
    pd.testing.assert_frame_equal(*tables)
    assert "RUNNING" not in set(runs_of(folder)["status"])


def test_the_lineage_of_a_model_and_of_a_run_is_told_and_checked(project):
    model = newest(project, "unlearned_model", "06_models/registry/blur_npo-*")
    said = ran(kedro(project, "lineage", "--check", str(model.relative_to(project))))
    for words in ("target_model", "forget_tokens", "raw_rows", "again by: kedro run --to-outputs unlearned_model"):
        assert words in said
    assert "artefacts are as they were made" in said
    again = ran(kedro(project, "lineage", runs_of(project).query("status == 'FINISHED'").iloc[-1]["run_id"]))
    assert "report_html" in again
    config = model / "config.json"
    text = config.read_text()
    config.write_text(text.replace("llama", "Llama"))
    done = kedro(project, "lineage", "--check", str(model.relative_to(project)))
    assert done.returncode == 1
    assert "was changed after it was made" in done.stdout
    config.write_text(text)
    nothing = kedro(project, "lineage", "data/nosuch")
    assert nothing.returncode == 1
    assert "no artefact with a manifest is there" in nothing.stderr
