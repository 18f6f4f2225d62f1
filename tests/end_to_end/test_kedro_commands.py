"""Kedro's own options, the packaged project and kedro-viz's run status, as their users know them."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import mlflow
import pytest
import torch
from safetensors.torch import load_file

from blur_pipeline.pipeline_registry import register_pipelines
from tests.conftest import PROJECT
from tests.end_to_end.commands import environment, kedro, ran
from tests.end_to_end.conftest import SMALL, copy_project, newest, versions

NODES = len(register_pipelines()["__default__"].nodes)


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    return shutil.copytree(finished, tmp_path_factory.mktemp("commands") / "project")


def test_tags_from_nodes_and_to_outputs_narrow_a_run(project):
    gamma = "unlearning.methods.blur_npo.weighting.gamma=0.02"
    before = len(versions(project, "unlearned_model"))
    params = f"{SMALL},{gamma}"
    ran(kedro(project, "run", "--tags", "unlearning", "--params", params))
    assert len(versions(project, "unlearned_model")) == before + 1
    said = ran(
        kedro(
            project,
            "run",
            "--from-nodes",
            "models.unlearning.unlearn",
            "--to-outputs",
            "unlearned.metrics",
            "--params",
            params,
        )
    )
    assert "To do: " in said
    assert len(versions(project, "unlearned_model")) == before + 1  # found
    model = newest(project, "unlearned_model").parents[2].name
    assert versions(project, "metrics.parquet", f"07_model_output/registry/{model}/*")
    assert not list(project.glob(f"data/08_reporting/registry/{model}"))


def test_fresh_makes_anew_and_a_version_that_is_asked_for_is_read(project):
    said = ran(kedro(project, "run", "--to-outputs", "target_model", "--params", f"{SMALL},fresh=true"))
    assert "To do: " in said
    old, new = versions(project, "target_model", "06_models/registry/target-*")
    one, other = (load_file(version / "model.safetensors") for version in (old, new))
    assert all(torch.equal(one[key], other[key]) for key in one)
    params = f"{SMALL},unlearning.methods.blur_npo.weighting.gamma=0.03"
    asked = f"target_model:{old.parent.name}"
    ran(kedro(project, "run", "--pipelines", "unlearning", "--load-versions", asked, "--params", params))
    manifest = json.loads((newest(project, "unlearned_model").parent / "manifest.json").read_text())
    assert old.parent.name in manifest["parents"]["target_model"]["path"]
    assert new.parent.name not in manifest["parents"]["target_model"]["path"]
    wrong = ("--load-versions", "target_model:2020-01-01T00.00.00.000Z")
    done = kedro(project, "run", "--pipelines", "unlearning", *wrong, "--params", params)
    assert done.returncode == 1
    assert "no such version was made whole under these parameters" in done.stderr


def files(project: Path) -> set[Path]:
    """All but the hashes that are remembered, and the database, whose runs are counted."""
    return {path for path in project.rglob("*") if path.is_file() and ".lineage" not in path.parts}


def test_a_dry_run_says_what_a_run_would_make_and_makes_nothing(project):
    before, runs = files(project), running(project)
    params = f"{SMALL},method=simnpo,unlearning.methods.simnpo.schedule.epochs=4"
    said = ran(kedro(project, "run", "--dry-run", "--params", params))
    assert (files(project), running(project)) == (before, runs)
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line.startswith("  ")}
    assert [rows[stage][1] for stage in ("data", "target", "unlearned", "report")] == ["found", "found", "make", "make"]
    assert rows["unlearned"][2].startswith("simnpo-")
    assert f"of {NODES} nodes (unlearn 4 epochs)." in said
    assert "as these nodes took in earlier runs here" in said
    assert "are free." in said
    ran(kedro(project, "run", "--pipelines", "unlearning", "--params", params))
    assert newest(project, "unlearned_model").parents[2].name == rows["unlearned"][2]
    again = ran(kedro(project, "run", "--dry-run", "--params", SMALL))  # of which nothing is left to do
    assert f"To do: none of {NODES} nodes." in again
    assert "make " not in again


def test_a_dry_run_of_seeds_counts_what_they_share_once(tmp_path):
    project = copy_project(tmp_path)
    before = files(project)
    params = f"{SMALL},unlearning.seeds=1 2"
    said = ran(kedro(project, "run", "--dry-run", "--pipelines", "seeds", "--params", params))
    first, second = said.split("Seed 2:")
    assert f"To do: {NODES} of {NODES} nodes" in first
    assert int(re.search(rf"To do: (\d+) of {NODES} nodes", second)[1]) < NODES / 2
    assert "nobody knows: nothing like" in said
    assert files(project) == before


def running(project: Path) -> int:
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    return len(mlflow.search_runs(search_all_experiments=True))


def test_kedro_viz_shows_the_last_whole_run_with_what_was_found(finished, tmp_path):
    """That of another method, which found the target's part and made its own."""
    project = shutil.copytree(finished, tmp_path / "project")
    events = project / ".viz" / "kedro_pipeline_events.json"
    whole = json.loads(events.read_text())
    succeeded = {
        event["node"] for event in whole if event["event"] == "after_node_run" and event["status"] == "success"
    }
    assert succeeded == {node.name for node in register_pipelines()["__default__"].nodes}
    statistics = project / ".viz" / "stats.json"
    of_whole = json.loads(statistics.read_text())
    assert of_whole["target.token_scores"]["rows"] > 20  # found, and neither made nor read
    own = project / ".viz" / "local"  # what ``kedro viz`` shows of this environment, whatever others do
    assert [json.loads((own / path.name).read_text()) for path in (events, statistics)] == [whole, of_whole]
    ran(kedro(project, "run", "--pipelines", "comparison", "--params", SMALL))
    assert json.loads(events.read_text()) == whole  # a part does not stand in for the whole
    assert json.loads(statistics.read_text()).items() >= of_whole.items()


def test_the_packaged_project_runs_without_its_source(tmp_path):
    """`kedro package`, the wheel in a folder of its own, and `python -m blur_pipeline` beside conf and data alone."""
    (tmp_path / "source").mkdir()
    source = copy_project(tmp_path / "source")
    shutil.copy(PROJECT / "README.md", source / "README.md")
    ran(kedro(source, "package"))
    wheel = next((source / "dist").glob("*.whl"))
    within = {name for name in zipfile.ZipFile(wheel).namelist() if not name.partition("/")[0].endswith(".dist-info")}
    code = (path for ending in ("py", "jinja") for path in (source / "src").rglob(f"*.{ending}"))
    assert within == {path.relative_to(source / "src").as_posix() for path in code}
    target = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(command, check=True)
    place = tmp_path / "place"
    place.mkdir()
    shutil.copytree(source / "conf", place / "conf")
    seen = {**environment(place), "PYTHONPATH": str(target)}
    run = [sys.executable, "-m", "blur_pipeline", "--to-outputs", "curation_report", "--params", SMALL]
    done = subprocess.run(run, cwd=place, env=seen, capture_output=True, text=True, timeout=300)
    assert "curation report:" in ran(done)
    assert newest(place, "curation_report.json")
    mlflow.set_tracking_uri(f"sqlite:///{place}/mlflow.db")
    assert mlflow.search_runs(experiment_names=["registry"])["status"].tolist() == ["FINISHED"]
