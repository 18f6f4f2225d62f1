"""A run whose process was killed is closed; one that goes on, here or elsewhere, is not."""

import json
import os
import signal
import threading
import time

import mlflow
import pytest
from filelock import FileLock

from blur_pipeline.tracking import dead_runs
from blur_pipeline.tracking.dead_runs import CONTEXT, KEPT_SECONDS, TAG, announce, close_dead_runs
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


def close(folder, uri) -> None:
    """As a run does that is recorded in this store."""
    mlflow.set_tracking_uri(uri)
    with mlflow.start_run(experiment_id="1"):
        close_dead_runs(folder)


def test_a_run_killed_under_another_store_is_closed_when_that_is_used_again(store):
    """What runs under this store meanwhile finds a free lock that none of its own runs had."""
    ours, theirs = (f"sqlite:///{store}/{name}.db" for name in ("mlflow", "other"))
    (store / "other.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(theirs)
    mlflow.set_experiment("test")
    killed = start(open_and_sleep, store, "killed", theirs)
    dead = opened(store, "killed")
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    lock = store / "processes" / "killed.lock"
    close(lock.parent, ours)
    assert lock.exists()
    close(lock.parent, theirs)
    assert status(dead) == "KILLED"
    assert not lock.exists()


def test_locks_that_nobody_waits_for_go(store):
    """Of a run that ended well, and one so old that its store will not come back."""
    folder = store / "processes"
    folder.mkdir()
    for name in ("ended", "old", "new"):
        (folder / f"{name}.lock").touch()
    os.utime(folder / "old.lock", (time.time() - KEPT_SECONDS - 60,) * 2)
    with mlflow.start_run(tags={TAG: "ended"}):
        pass
    close(folder, mlflow.get_tracking_uri())
    assert [path.name for path in folder.iterdir()] == ["new.lock"]


def test_tags_that_the_user_wants_on_every_run_stay(store, monkeypatch, caplog):
    monkeypatch.setenv(CONTEXT, json.dumps({"team": "blue", TAG: "before"}))
    announce("tagged", store / "processes")
    with mlflow.start_run() as run:
        pass
    tags = mlflow.get_run(run.info.run_id).data.tags
    assert (tags["team"], tags[TAG]) == ("blue", "tagged")
    monkeypatch.setenv(CONTEXT, "team=blue")
    announce("tagged", store / "processes")
    assert json.loads(os.environ[CONTEXT]) == {TAG: "tagged"}
    assert "no JSON object" in caplog.text


def test_another_process_may_look_at_the_lock_in_the_moment_in_which_it_is_made(store):
    (store / "processes").mkdir()
    looked_at, seen = FileLock(store / "processes" / "met.lock", thread_local=False), threading.Event()

    def look():
        with looked_at:
            seen.set()
            time.sleep(0.2)

    other = threading.Thread(target=look)
    other.start()
    seen.wait()
    announce("met", store / "processes")
    other.join()


def test_a_lock_that_another_process_takes_away_meanwhile_stops_no_run(store, monkeypatch):
    folder = store / "processes"
    folder.mkdir()
    (folder / "gone.lock").touch()
    monkeypatch.setattr(dead_runs, "_is_free", lambda path: path.unlink() or True)
    close(folder, mlflow.get_tracking_uri())
    assert list(folder.iterdir()) == []


def test_of_many_locks_of_another_store_a_few_are_asked_for(store, monkeypatch):
    folder, asked = store / "processes", []
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.lock").touch()
        os.utime(folder / f"{number}.lock", (time.time() - number, time.time() - number))
    monkeypatch.setattr(dead_runs, "_has_run", lambda lock, *_: asked.append(int(lock)))
    close(folder, mlflow.get_tracking_uri())
    assert sorted(asked) == list(range(dead_runs.ASKED))
    assert len(list(folder.iterdir())) == 30
