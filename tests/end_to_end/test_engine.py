"""`kedro run` killed with SIGKILL resumes by itself, in as many processes as one likes."""

import re
import shutil
import signal
import time
from pathlib import Path

import mlflow
import psutil
import pytest
import torch
from safetensors.torch import load_file

from blur_pipeline.training.soundness import damage
from tests.end_to_end.commands import Command, kedro
from tests.end_to_end.conftest import SMALL, newest

LONG = SMALL.replace("unlearning.schedule.epochs=2", "unlearning.schedule.epochs=30")
AGAIN = "fresh=true"  # or it would be found made
LONG = LONG.replace("training.checkpoint_every=2", "training.checkpoint_every=10")


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    """The finished project once more, to unlearn in."""
    return shutil.copytree(finished, tmp_path_factory.mktemp("engine") / "project")


def newest_weights(project: Path) -> dict[str, torch.Tensor]:
    return load_file(newest(project, "unlearned_model", "06_models/registry/blur_npo-*") / "model.safetensors")


@pytest.fixture(scope="module")
def uninterrupted(project) -> dict[str, torch.Tensor]:
    done = kedro(project, "run", "--pipelines", "unlearning", "--params", LONG)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return newest_weights(project)


def kill_after_a_checkpoint(project: Path, parameters: str) -> list[int]:
    """SIGKILL to `kedro run` as soon as a checkpoint is there; the pids of what it had started."""
    process = Command(project, "run", "--pipelines", "unlearning", "--params", parameters)
    while process.poll() is None:
        if any(project.glob("data/06_models/registry/checkpoints/blur_npo/*/step-*")):
            children = [p.pid for p in psutil.Process(process.pid).children(recursive=True)]
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.05)
    assert process.wait() == -signal.SIGKILL
    return children


def test_a_killed_run_resumes_bit_for_bit(project, uninterrupted):
    kill_after_a_checkpoint(project, f"{LONG},{AGAIN}")
    again = kedro(project, "run", "--pipelines", "unlearning", "--params", f"{LONG},{AGAIN}")
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert "Resuming after step" in again.stdout
    weights = newest_weights(project)
    assert all(torch.equal(weights[name], uninterrupted[name]) for name in uninterrupted)
    assert not list(project.glob("data/06_models/registry/checkpoints/blur_npo/*/step-*"))
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    states = mlflow.search_runs(search_all_experiments=True)["status"].tolist()
    assert "KILLED" in states  # the killed one could not say so itself
    assert "RUNNING" not in states


def test_a_run_killed_in_two_processes_resumes_in_one(project, uninterrupted):
    """The workers end with their parent; their rows, logs and checkpoints are one process's as well."""
    children = kill_after_a_checkpoint(project, f"{LONG},{AGAIN},training.processes=2")
    assert len(children) >= 3  # the launcher and two workers
    deadline = time.monotonic() + 40
    while any(psutil.pid_exists(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(psutil.pid_exists(pid) for pid in children)
    again = kedro(
        project, "run", "--pipelines", "unlearning", "--params", f"{LONG},{AGAIN},training.micro_batch_size=3"
    )
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert "Resuming after step" in again.stdout
    # Other sums round otherwise, and dozens of Adam's steps magnify that: alike, not equal.
    one, other = (torch.cat([w[n].flatten() for n in uninterrupted]) for w in (newest_weights(project), uninterrupted))
    assert torch.cosine_similarity(one, other, dim=0) > 0.999


def test_a_run_in_two_processes_is_one_mlflow_run(project):
    done = kedro(
        project, "run", "--pipelines", "unlearning", "--params", f"{SMALL},training.processes=2,unlearning.seed=5"
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    run = mlflow.search_runs(search_all_experiments=True, output_format="list")[0]
    client = mlflow.MlflowClient()
    steps = [m.step for m in client.get_metric_history(run.info.run_id, "unlearning/forget_loss")]
    assert steps == list(range(len(steps)))
    assert steps
    logged = [f.path for f in client.list_artifacts(run.info.run_id, "worker_logs")]
    assert any(path.endswith("launcher.log") for path in logged)


def test_too_high_a_learning_rate_ends_in_a_sentence_and_a_failed_run(project):
    wild = f"{SMALL},unlearning.methods.blur_npo.optimizer.lr=1e30,unlearning.schedule.epochs=9"
    done = kedro(project, "run", "--pipelines", "unlearning", "--params", wild)
    assert done.returncode == 1
    assert "Error: step " in done.stderr
    assert "rows of the forget set" in done.stderr
    assert "Traceback" not in done.stderr
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    assert mlflow.search_runs(search_all_experiments=True)["status"][0] == "FAILED"


def test_ctrl_c_says_what_is_kept_and_marks_the_run_killed(project):
    checkpoints = lambda: set(project.glob("data/06_models/registry/checkpoints/blur_npo/*/step-*"))
    before = checkpoints()  # of a run that failed
    longer = LONG.replace("epochs=30", "epochs=100") + ",unlearning.seed=8"  # or it is through before the signal
    command = Command(project, "run", "--pipelines", "unlearning", "--params", longer)
    while command.poll() is None and checkpoints() <= before:
        time.sleep(0.05)
    command.send_signal(signal.SIGINT)
    assert command.wait() == 130
    said = " ".join(command.said("stderr").split())
    assert "Aborted" not in said
    assert re.search(
        r"Stopped in models\.unlearning\.unlearn after step \d+ of 200\. Kept: what was there before and ", said
    )
    kept = re.search(
        r"the checkpoint (data/06_models/registry/checkpoints/blur_npo/\w+/step-\d+)\. The same command", said
    )
    assert damage(project / kept[1]) is None  # that a sound one is gone on from is shown after SIGKILL
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    assert mlflow.search_runs(search_all_experiments=True)["status"][0] == "KILLED"
