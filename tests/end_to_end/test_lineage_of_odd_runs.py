"""Runs that are parts, that fail, that are done by other means, or whose models lie elsewhere."""

import json
import shutil
from pathlib import Path

import mlflow
import pytest
from safetensors.torch import load_file, save_file

from blur_pipeline.lineage.content import Hasher
from tests import workers
from tests.end_to_end.commands import Command, environment, kedro, ran
from tests.end_to_end.conftest import REGISTERED, SMALL, newest, versions
from tests.end_to_end.test_lineage import runs_of

TARGET = "06_models/registry/target-*"


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    return shutil.copytree(finished, tmp_path_factory.mktemp("odd") / "project")


def manifest(artefact: Path) -> dict:
    return json.loads((artefact.parent / "manifest.json").read_text())


def test_a_given_model_is_read_where_it_lies_today(project):
    """A is moved to B and another model laid at A: asked for B, a run must not find the address A."""
    a, b, target = project / "a", project / "b", newest(project, "target_model", TARGET)
    shutil.copytree(target, a)
    given = f"{SMALL},models.target.kind=given,models.target.path=".replace("models.target.schedule.epochs=2,", "")
    upto = ("--to-outputs", "reference_logprobs")
    ran(kedro(project, "run", *upto, "--params", f"{given}a"))
    before = newest(project, "reference_logprobs.parquet")
    a.rename(b)
    shutil.copytree(newest(project, "retrained_model"), a)
    said = ran(kedro(project, "run", *upto, "--params", f"{given}b"))
    address = json.loads((newest(project, "target_model", TARGET) / "reference.json").read_text())["source"]["path"]
    assert address == "b"
    assert newest(project, "reference_logprobs.parquet") == before, said  # the same model: found
    place = str(newest(project, "target_model", TARGET).relative_to(project))
    ran(kedro(project, "lineage", "--check", place))
    shutil.copy(a / "model.safetensors", b / "model.safetensors")
    assert kedro(project, "lineage", "--check", place).returncode == 1


def test_a_registration_that_was_broken_off_is_mended(project):
    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    found = lambda: client.search_model_versions("name = 'registry-npo'")
    kept = found()
    client.delete_model_version("registry-npo", kept[0].version)
    ran(kedro(project, "run", "--params", f"{REGISTERED},method=npo"))
    assert [v.tags["identity"] for v in found()] == [kept[0].tags["identity"]]


def test_a_report_tells_of_every_stage_whichever_part_was_run(project):
    ran(kedro(project, "run", "--pipelines", "reporting", "--params", f"{SMALL},reporting.examples=4"))
    page = newest(project, "report.html", "08_reporting/registry/blur_npo-*/*").read_text()
    for words in ("weighting.gamma", "metrics of retrained", "questions-"):
        assert words in page


def test_a_seed_that_fails_fails_in_mlflow_too(project):
    wild = f"{SMALL},unlearning.seeds=21 22,unlearning.methods.blur_npo.optimizer.lr=1e30,unlearning.schedule.epochs=9"
    done = kedro(project, "run", "--pipelines", "seeds", "--params", wild)
    assert done.returncode == 1
    assert "Error: step " in done.stderr
    child, parent = (runs_of(project).iloc[i] for i in (0, 1))
    assert child["tags.mlflow.parentRunId"] == parent["run_id"]
    assert (child["status"], parent["status"]) == ("FAILED", "FAILED")


def test_what_was_made_of_an_old_version_is_made_again(project):
    """As after a fresh training on a GPU, whose weights are not the same twice: here one is changed by hand."""
    ran(kedro(project, "run", "--to-outputs", "target_model", "--params", f"{SMALL},fresh=true"))
    target = newest(project, "target_model", TARGET)
    weights = load_file(target / "model.safetensors")
    weights["model.embed_tokens.weight"] += 0.01
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    changed = manifest(target) | {"content": Hasher().tree(target)}
    (target.parent / "manifest.json").write_text(json.dumps(changed))
    before = newest(project, "unlearned_model", "06_models/registry/blur_npo-*")
    upto = ("--to-outputs", "unlearned.metrics")
    ran(kedro(project, "run", *upto, "--params", SMALL))
    after = newest(project, "unlearned_model", "06_models/registry/blur_npo-*")
    assert after.parents[1] == before.parents[1]  # the same identity
    assert after != before
    assert manifest(after)["parents"]["target_model"]["content"] == changed["content"]
    scores = newest(project, "token_scores.parquet", "07_model_output/registry/blur_npo-*/*")
    assert manifest(scores)["parents"]["unlearned_model"]["content"] == manifest(after)["content"]
    assert "nothing; all was there already" in ran(kedro(project, "run", *upto, "--params", SMALL))


def run_session(folder: str, seen: dict[str, str], params: dict) -> None:
    import os

    os.environ.update(seen)
    os.chdir(folder)
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path(folder))
    with KedroSession.create(runtime_params=params) as session:
        session.run(pipeline_names=["unlearning"])


def test_a_session_s_run_makes_a_new_version_with_its_manifest(project):
    """As in a notebook: Kedro then runs every node."""
    from kedro.framework.cli.utils import _split_params

    before = versions(project, "unlearned_model", "06_models/registry/blur_npo-*")
    old = {path: (path.parent / "manifest.json").read_text() for path in before}
    process = workers.fork(run_session, str(project), environment(project), _split_params(None, None, SMALL))
    process.join(200)
    assert process.exitcode == 0
    new = set(versions(project, "unlearned_model", "06_models/registry/blur_npo-*")) - set(before)
    assert [manifest(path)["version"] for path in new] == [path.parent.name for path in new]
    assert {path: (path.parent / "manifest.json").read_text() for path in before} == old


def test_paths_count_from_the_project_wherever_the_command_is_given(project):
    command = Command(project, "run", "--to-outputs", "curation_report", "--params", SMALL, within="notebooks")
    assert command.wait() == 0
    assert "nothing; all was there already" in command.said("stdout")
    assert not (project / "notebooks" / "data").exists()
    assert not (project / "notebooks" / "mlflow.db").exists()
