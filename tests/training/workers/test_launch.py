"""Workers launched by torch.distributed.run: one dies and they go on; all fails and it is said why."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest
import torch

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.scalars import NonFiniteError
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.workers import launch as launching
from blur_pipeline.training.workers.job import Job
from blur_pipeline.training.workers.launch import WorkersFailedError, _first_failure, launch, start
from tests.conftest import build_tiny_model, random_examples

RECIPE = Recipe(
    forget={"kind": "npo"}, weighting={"kind": "bilevel", "gamma": 0.5}, optimizer={"kind": "adamw", "lr": 1e-3}
)


def long_run(folder, steps=60, **engine) -> Run:
    engine = Engine(**{"processes": 2, "checkpoint_every": 5, "restarts": 1, **engine})
    forget = random_examples(7, seed=1).with_reference(torch.linspace(-30, -10, 7))
    checkpoints = Checkpoints(folder / "checkpoints", "the run", engine.checkpoint_every)
    schedule = Schedule(steps=steps, batch_size=4)
    return Run(RECIPE, schedule, random_examples(9, seed=2), forget, 3, engine, checkpoints=checkpoints)


def write(folder, run, model=None, device="cpu") -> Job:
    job = Job(folder / "job")
    job.write(model or build_tiny_model(), run, device)
    return job


def worker_pids(module: str = launching.WORKER) -> list[int]:
    """This process's workers, not their launcher."""
    living = [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    commands = {p.pid: " ".join(p.cmdline()) for p in living}
    return [pid for pid, c in commands.items() if module in c and "torch.distributed.run" not in c]


def test_a_killed_worker_is_restarted_and_nothing_changes(tmp_path, caplog):
    """SIGKILL to one of two workers: both start again from the checkpoint and end where one process ends."""
    seen, killed = [], []

    def watch(row):
        seen.append(row["step"])
        if row["step"] == 12 and not killed:
            killed.append(worker_pids()[-1])
            os.kill(killed[0], signal.SIGKILL)

    run = long_run(tmp_path, steps=30, sharding="fsdp")
    with caplog.at_level("INFO", logger="blur_pipeline"):
        model, history = launch(write(tmp_path, run), [watch], tmp_path / "logs")
    assert killed
    assert "Resuming after step" in caplog.text
    assert seen == list(range(30)) == [row["step"] for row in history]  # no row twice
    alone, expected = train(build_tiny_model(), Run(**{**vars(run), "engine": Engine(), "checkpoints": None}))
    assert history[-1]["forget_loss"] == pytest.approx(expected[-1]["forget_loss"], rel=1e-3)
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-3, atol=2e-4)
    ranks = {path.parent.name for path in (tmp_path / "logs").rglob("stderr.log")}
    assert ranks == {"0", "1"}  # the log of each rank is kept


DYING = """
import os, signal, time
if os.environ["RANK"] == "1":
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60)
"""


def test_workers_that_die_for_good_are_named(tmp_path, monkeypatch):
    (tmp_path / "dying_worker.py").write_text(DYING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(launching, "WORKER", "dying_worker")
    run = long_run(tmp_path, restarts=0)
    with pytest.raises(
        WorkersFailedError, match=r"rank 1 ended with exit code -9.*0 restart.*the same command resumes"
    ):
        launch(write(tmp_path, run), [], tmp_path / "logs")
    assert worker_pids("dying_worker") == []


def test_workers_that_do_not_end_are_killed_and_what_stopped_them_is_told(tmp_path, monkeypatch):
    """A launcher that does not hear SIGTERM, with a worker in a session of its own: neither lives on."""
    deaf = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'], start_new_session=True);"
        "print('ready', flush=True); time.sleep(300)"
    )
    living = []

    def stopped(job, workers, watchers):
        workers.stdout.readline()
        living.extend([*psutil.Process(workers.pid).children(), psutil.Process(workers.pid)])
        raise KeyboardInterrupt

    monkeypatch.setattr(
        launching, "start", lambda job, logs: subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    )
    monkeypatch.setattr(launching, "_relay", stopped)
    monkeypatch.setattr(launching, "STOP_SECONDS", 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            launch(write(tmp_path, long_run(tmp_path)), [], tmp_path / "logs")
        assert len(living) == 2
        assert psutil.wait_procs(living, timeout=10)[1] == []
    finally:
        for process in (p for p in living if p.is_running()):
            process.kill()


def summary(*failures: tuple[int, int]) -> str:
    """As torch.distributed.run writes it, the root cause last."""
    told = [
        f"[{i}]:\n  time      : 2026-11-24_17:58:16\n  host      : here\n  rank      : {rank} (local_rank: {rank})\n"
        f"  exitcode  : {code} (pid: 4)\n  error_file: <N/A>\n"
        for i, (rank, code) in enumerate(failures)
    ]
    return (
        "worker FAILED\nFailures:\n"
        + "".join(told[:-1] or ["  <NO_OTHER_FAILURES>\n"])
        + ("-----\nRoot Cause (first observed failure):\n" + told[-1])
    )


def test_a_worker_that_was_only_stopped_is_not_blamed():
    """Rank 1 was killed, rank 0 stopped for it in the same second and printed as the root cause."""
    assert _first_failure(summary((1, -9), (0, -15))) == ("1", "-9")
    assert _first_failure(summary((0, -15), (1, 1))) == ("1", "1")
    assert _first_failure(summary((0, -15))) == ("0", "-15")
    assert _first_failure("no summary") is None


def test_a_non_finite_loss_is_not_tried_again(tmp_path):
    model = build_tiny_model()
    with torch.no_grad():
        model.lm_head.weight[5] = float("inf")
    with pytest.raises(NonFiniteError, match="step 0"):
        launch(write(tmp_path, long_run(tmp_path, processes=1), model), [], tmp_path / "logs")
    assert "attempt_1" not in str(list((tmp_path / "logs").rglob("*")))


def test_a_child_that_is_to_end_with_its_parent_looks_for_no_library(monkeypatch):
    """Between fork and exec a thread's lock may be held by nobody: it calls prctl and nothing else."""
    called = []
    monkeypatch.setattr(launching.ctypes, "CDLL", lambda *_: pytest.fail("looked for a library"))
    monkeypatch.setattr(launching, "PRCTL", lambda *given: called.append(given), raising=False)
    launching._end_with_the_parent()
    assert called == [(1, signal.SIGTERM)]


def test_two_machines(tmp_path):
    """The second machine, here another launcher, runs what the first one prints."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = long_run(tmp_path, steps=6, processes=1, nodes=2, rendezvous=f"localhost:{port}")
    job = write(tmp_path, run)
    other = start(job, tmp_path / "logs of the other")
    _, history = launch(job, [], tmp_path / "logs")
    assert other.wait(60) == 0
    assert len(history) == 6


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        run = long_run(tmp_path, rendezvous=f"localhost:{taken.getsockname()[1]}")
        with pytest.raises(BadInputError, match=r"training.rendezvous.*port \d+ of this machine cannot be used"):
            launch(write(tmp_path, run), [], tmp_path / "logs")


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match=r"training\.rendezvous"):
        Engine(nodes=2)
    with pytest.raises(ValueError, match=r"'fsdp' needs training\.processes"):
        Engine(sharding="fsdp")
