"""A run whose process was killed is closed; one that goes on, here or elsewhere, is not."""

import os
import signal

import mlflow
import pytest

from blur_pipeline.tracking.dead_runs import CONTEXT, TAG, announce, close_dead_runs
from tests.end_to_end.conftest import empty_store
from tests.workers import start


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv(CONTEXT, "{}")
    (tmp_path / "mlflow.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment("test")
    yield tmp_path
    while mlflow.active_run():
        mlflow.end_run()


def open_and_sleep(folder, name, uri):
    import time

    mlflow.set_tracking_uri(uri)
    announce(name, folder / "processes")
    run = mlflow.start_run(experiment_id="1")
    (folder / f"{name}.opened").write_text(run.info.run_id)
    time.sleep(600)


def opened(folder, name) -> str:
    path = folder / f"{name}.opened"
    while not path.exists() or not path.read_text():
        pass
    return path.read_text()


def status(run_id: str) -> str:
    return mlflow.get_run(run_id).info.status


def test_a_killed_run_is_closed_and_no_other(store):
    uri = mlflow.get_tracking_uri()
    killed, alive = (start(open_and_sleep, store, name, uri) for name in ("killed", "alive"))
    dead, living = opened(store, "killed"), opened(store, "alive")
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    with mlflow.start_run(tags={TAG: "of another machine"}) as run:
        elsewhere = run.info.run_id
        mlflow.MlflowClient().update_run(elsewhere, "RUNNING")
    mlflow.MlflowClient().update_run(elsewhere, "RUNNING")
    announce("ours", store / "processes")
    mlflow.set_experiment("another benchmark")  # whose run is the first to find the lock free
    with mlflow.start_run() as ours:
        close_dead_runs(store / "processes")
        assert [status(r) for r in (dead, living, elsewhere, ours.info.run_id)] == ["KILLED", *["RUNNING"] * 3]
    assert not (store / "processes" / "killed.lock").exists()
    assert (store / "processes" / "alive.lock").exists()
    alive.kill()
