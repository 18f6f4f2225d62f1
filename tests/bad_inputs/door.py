"""``kedro run`` again and again in one process: a second of imports is paid once, not for every bad input.

It is the command that a user gives: Kedro's own options, hooks and order; only the process is another's.
"""

from __future__ import annotations

import os
import signal
import traceback
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from tests import workers
from tests.end_to_end.commands import environment

SECONDS = 60
"""Many times what any of them takes, on a machine that does other things too."""


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``code`` 1 with a sentence in ``said``."""

    code: int
    said: str
    printed: str


class Door:
    """A process that gives commands."""

    def __init__(self) -> None:
        self.ours, theirs = Pipe()
        self.process = workers.fork(_serve, theirs)

    def run(self, folder: Path, *arguments: str, **seen: str) -> Ended:
        """``kedro run ARGUMENTS`` in ``folder`` with further environment variables."""
        self.ours.send((str(folder), arguments, seen))
        return self.ours.recv()

    def close(self) -> None:
        self.ours.send(None)
        self.process.join(10)


def _serve(theirs: Connection) -> None:
    import torch

    torch.set_num_threads(1)
    while (asked := theirs.recv()) is not None:
        theirs.send(_one(*asked))


def _one(folder: str, arguments: tuple[str, ...], seen: dict[str, str]) -> Ended:
    from click.testing import CliRunner
    from kedro.framework.startup import bootstrap_project

    from blur_pipeline.cli import run

    before = dict(os.environ)
    # An address of its own for each: MLflow keeps what it connected to under a relative one.
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    os.environ.update({**environment(Path(folder)), **store, **seen})
    os.chdir(folder)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        bootstrap_project(Path(folder))
        done = CliRunner().invoke(run, list(arguments))
    finally:
        signal.alarm(0)
        os.environ.clear()
        os.environ.update(before)
        _forget()
    trace = "".join(traceback.format_exception(*done.exc_info)) if done.exception and done.exit_code != 0 else ""
    crashed = done.exception is not None and not isinstance(done.exception, SystemExit)
    return Ended(done.exit_code, done.stderr, done.stdout + (trace if crashed else ""))


def _too_long(*_: object) -> None:
    raise TimeoutError(f"the command took more than {SECONDS} s")


def _forget() -> None:
    """What a process would take with it when it ends."""
    import mlflow

    while mlflow.active_run():
        mlflow.end_run("FAILED")
    mlflow.set_tracking_uri(None)
