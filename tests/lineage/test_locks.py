"""Two processes and one stage."""

import logging
import os
import signal
import time

from blur_pipeline.lineage.identities import Identity
from blur_pipeline.lineage.locks import StageLocks
from tests.workers import start

STAGE = Identity("target", "target", {"a": 1}, {})


def hold(folder, ready, seconds):
    locks = StageLocks(folder)
    locks.take(STAGE)
    ready.touch()
    time.sleep(seconds)
    locks.release_all()


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)


def test_the_second_one_says_so_and_waits(tmp_path, caplog):
    other = start(hold, tmp_path / "locks", tmp_path / "ready", 1.0)
    wait_for(tmp_path / "ready")
    said = []
    locks, began = StageLocks(tmp_path / "locks", said.append), time.monotonic()
    with caplog.at_level(logging.INFO):
        locks.take(STAGE)
    assert time.monotonic() - began > 0.3
    assert f"Waiting for {STAGE.name}: process {other.pid} on" in caplog.text
    assert said == [f"waiting for {STAGE.name}", "looking at what is there now"]
    locks.release(STAGE)
    other.join()


def test_a_killed_holder_holds_nothing(tmp_path):
    other = start(hold, tmp_path / "locks", tmp_path / "ready", 600)
    wait_for(tmp_path / "ready")
    os.kill(other.pid, signal.SIGKILL)
    locks = StageLocks(tmp_path / "locks")
    locks.take(STAGE)
    locks.take(STAGE)  # once more does nothing
    assert list(locks.held) == [STAGE.sha256]
    locks.release_all()
    assert locks.held == {}
