"""Signs of life: what the dead have left is taken over, and what a living process works at is not."""

import shutil
import socket
import time
from types import SimpleNamespace

import pytest
from optuna.exceptions import StorageInternalError

from blur_pipeline.campaign.signs import Heartbeat, Process, is_dead
from blur_pipeline.campaign.study import open_storage
from blur_pipeline.campaign.work import work_off
from blur_pipeline.commands.interrupted import stopped
from blur_pipeline.console.screen import SCREEN
from tests.campaign.test_study import board, near, tell


@pytest.fixture
def storage(tmp_path):
    return open_storage(f"sqlite:///{tmp_path}/campaign.sqlite", 120)


@pytest.fixture
def process(tmp_path):
    found = Process(tmp_path / "processes")
    yield found
    found.close()


def test_a_process_that_died_before_it_could_say_who_it_is_leaves_its_slot_to_others(storage, process):
    """Killed between Optuna's mark that the trial runs and its own name on it."""
    shared = board(storage, process, 2)
    shared.fill()
    shared.study.ask()
    assert shared.running() == [0]
    tried = []
    waited = lambda _: pytest.fail("waits for nobody")
    work_off({"a": shared}, lambda name, taken: (tried.append(taken.slot), tell(name, taken)), wait=waited)
    assert tried == [0, 1]


def test_what_is_taken_says_at_once_who_has_it_and_beats(storage, process, monkeypatch):
    """Even where the choice of its settings breaks off, which of another machine only its silence tells."""
    shared, beats = board(storage, process, 1), []
    monkeypatch.setattr(storage, "record_heartbeat", beats.append)
    shared.choose = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    shared.fill()
    with pytest.raises(KeyboardInterrupt):
        shared.take()
    (trial,) = shared.study.get_trials()
    assert trial.user_attrs["holder"] == process.address
    assert beats == [trial._trial_id]


def test_a_slot_that_another_took_away_meanwhile_is_not_taken(storage, process, monkeypatch):
    """As can happen in a database where processes have no turns."""
    shared = board(storage, process, 1)
    shared.fill()
    monkeypatch.setattr(storage, "record_heartbeat", lambda _: shared._fill())
    assert shared.take() is None
    assert shared.waiting() == [0]


def test_whoever_waits_for_others_says_so_with_what_is_tried_and_left(storage, process):
    """And not what its last run was at; nor does Ctrl-C then stop it between two nodes."""
    shared, said = board(storage, process, 3), []
    shared.fill()
    with shared.take() as first:
        tell("a", first)

    def interrupt(_):
        said.append(SCREEN.going_on.what)
        raise KeyboardInterrupt

    SCREEN.going_on.now("keeping the results in MLflow")
    with shared.take(), pytest.raises(KeyboardInterrupt):
        work_off({"a": shared}, tell, wait=interrupt)
    assert said == ["waiting for other processes, 2 setting(s) tried and 1 left"]
    telling = SimpleNamespace(nodes=[], finished=[], checkpoints=lambda: process)
    assert stopped(SCREEN.going_on, telling).startswith(f"Stopped while {said[0]}; nothing is lost.")
    telling = SimpleNamespace(nodes=["a"], finished=["a"], checkpoints=lambda: process)
    assert stopped(SCREEN.going_on, telling).startswith(f"Stopped while {said[0]}. Kept: what 1 of 1 nodes made.")
    SCREEN.going_on.now("")


def test_a_silent_machine_is_taken_for_dead_and_a_living_one_is_not(tmp_path, process):
    """Of another machine there is no lock to ask; the storage knows when it last heard of it."""
    storage = open_storage(f"sqlite:///{tmp_path}/other.sqlite", 2)
    other = board(storage, process, 1)
    other.process = type("Elsewhere", (), {"address": "another-host:/nowhere.lock"})()
    other.fill()
    mine = board(storage, process, 1)
    with other.take() as taken:
        time.sleep(2.5)
        mine.fill()
        assert mine.running() == [0]  # it beats
        taken.heartbeat.stop.set()
        time.sleep(3.2)
        mine.fill()
        assert mine.waiting() == [0]
        work_off({"a": mine}, tell)
        taken.done(0.77, 0.0)  # too late: the other's result stands
    (outcome,) = mine.outcomes()
    assert outcome.value == near(outcome.settings) != 0.77


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_locked_database_does_not_end_the_beats(caplog):
    """Each is tried, and of those that fail the first is told."""
    beats = []

    def locked(trial_id):
        beats.append(trial_id)
        if 1 < len(beats) < 4:
            raise StorageInternalError("database is locked\n[SQL: UPDATE …]")

    storage = SimpleNamespace(record_heartbeat=locked, get_heartbeat_interval=lambda: 0.01)
    with Heartbeat(storage, 7):
        until = time.monotonic() + 10
        while len(beats) < 6 and time.monotonic() < until:
            time.sleep(0.01)
    assert len(beats) >= 6
    assert caplog.messages == ["The campaign's storage was not told of a setting at work (database is locked)"]


def test_of_a_machine_of_the_same_name_with_another_disk_nothing_is_known(tmp_path):
    """Containers called localhost that share a storage: the lock of a living process is not on this disk."""
    theirs, here = tmp_path / "theirs", tmp_path / "here"
    living = Process(theirs)
    theirs.rename(tmp_path / "mounted elsewhere")  # its path leads nowhere here
    assert not is_dead(living.address)
    Process(here).close()
    here.rename(theirs)  # or to a folder of this machine's own
    assert not is_dead(living.address)
    shutil.rmtree(theirs)
    shutil.copytree(tmp_path / "mounted elsewhere", theirs, ignore=shutil.ignore_patterns("*.lock"))  # or to a copy
    assert not is_dead(living.address)
    assert not is_dead(f"{socket.gethostname()}:/nowhere/x.lock")  # as earlier releases wrote it


def test_processes_of_one_folder_know_of_each_other(tmp_path):
    one, other = Process(tmp_path), Process(tmp_path)
    assert one.address.split(":")[1] == other.address.split(":")[1]
    other.close()
    assert [is_dead(each.address) for each in (one, other)] == [False, True]


def test_a_process_is_alive_until_it_ends(tmp_path):
    found = Process(tmp_path)
    assert not is_dead(found.address)
    assert not is_dead("another-host:/nowhere.lock")
    found.close()
    assert is_dead(found.address)
