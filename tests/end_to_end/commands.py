"""``kedro …`` in a process of its own, forked from one that has imported torch and MLflow already.

A command takes a second to start instead of eight. It is what ``python -m kedro`` does otherwise: the same entry point,
the project as working directory, an environment of its own, an exit code, and it can be killed.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from tests import workers


def environment(folder: Path) -> dict[str, str]:
    """What a process in this project sees: its own sources, its own MLflow (not the one a test looked at before)."""
    seen = {**os.environ, "COLUMNS": "160", "PYTHONPATH": str(folder / "src")}
    seen["OMP_NUM_THREADS"] = str(torch.get_num_threads())
    seen.pop("MLFLOW_TRACKING_URI", None)
    return seen


@functools.cache
def _printed() -> tempfile.TemporaryDirectory:
    """What all commands of this process print; it goes when the process ends."""
    return tempfile.TemporaryDirectory(prefix="kedro-commands-")


class Command:
    """A command that was started; as ``subprocess.Popen``, with what it printed in two files."""

    def __init__(self, folder: Path, *arguments: str, within: str = ".") -> None:
        """``within`` is the folder of the project in which the command is given."""
        self.arguments = arguments
        self.output = Path(tempfile.mkdtemp(dir=_printed().name))
        self.process = workers.fork(_kedro, str(folder / within), arguments, environment(folder), str(self.output))
        self.pid = self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float = 500) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"kedro {self.arguments} took more than {timeout} s")
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def said(self, stream: str) -> str:
        """``stdout`` or ``stderr``."""
        path = self.output / stream
        return path.read_text() if path.exists() else ""


def kedro(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """``kedro …``, to its end."""
    command = Command(folder, *arguments)
    code = command.wait()
    return subprocess.CompletedProcess(arguments, code, command.said("stdout"), command.said("stderr"))


def ran(done: subprocess.CompletedProcess) -> str:
    """What a command printed that must have ended well."""
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _kedro(folder: str, arguments: tuple[str, ...], seen: dict[str, str], output: str) -> None:
    os.environ.clear()
    os.environ.update(seen)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite that runs in the background ignores it
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{output}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    torch.set_num_threads(int(seen["OMP_NUM_THREADS"]))
    sys.argv = ["kedro", *arguments]
    from kedro.framework.cli import main

    main()
