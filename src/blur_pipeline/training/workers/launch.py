"""Start workers for a job, watch them, bring their result home.

On each further machine of a run with ``training.nodes`` above 1:

    python -m blur_pipeline.training.workers.launch JOB_FOLDER
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from transformers import PreTrainedModel

from blur_pipeline.config.errors import PassingError, TrainingFailedError
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.stopping import Row
from blur_pipeline.training.workers.job import Job

POLL_SECONDS = 0.1
STOP_SECONDS = 60.0
"""How long the launcher has to stop its workers: it kills those that do not end in half a minute."""
SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of sys/prctl.h
PRCTL = getattr(ctypes.CDLL(None), "prctl", None)
"""Looked up here: a child of a process with threads that looks for a library may wait for a lock that no thread of it
holds, for ever."""
WORKER = "blur_pipeline.training.workers.worker"
log = logging.getLogger(__name__)


class WorkersFailedError(TrainingFailedError):
    """The workers died more often than they may be restarted."""


def launch(job: Job, watchers: Sequence[Callable[[Row], None]], logs: Path) -> tuple[PreTrainedModel, list[Row]]:
    """Run the job in ``engine.processes`` workers a machine; the trained model, and a row a step.

    Raises:
        PassingError: the rendezvous port is taken.
        TrainingFailedError: as in one process.
        WorkersFailedError: names the rank that died first, how, and where the logs are.
    """
    engine = job.text().engine
    _port_is_free(engine)
    if engine.nodes > 1:
        log.warning(
            "Waiting for %d more machine(s). On each, in this same (shared) folder, start:  %s -m %s %s",
            engine.nodes - 1, "python", "blur_pipeline.training.workers.launch", job.folder,
        )  # fmt: skip
    log.info("Starting %d worker(s) here; the log of each is in %s", engine.processes, logs)
    workers = start(job, logs)
    try:
        _relay(job, workers, watchers)
    except BaseException:
        _stop(workers)
        raise
    result = job.result()
    if (failure := job.failure()) is not None:
        raise failure
    if workers.returncode or result is None:
        raise WorkersFailedError(_why(logs, engine, workers.returncode))
    return result


def start(job: Job, logs: Path) -> subprocess.Popen:
    """torch.distributed.run with this machine's workers."""
    engine = job.text().engine
    logs.mkdir(parents=True, exist_ok=True)
    place = ["--standalone"]
    if engine.rendezvous:
        place = ["--rdzv-backend=c10d", f"--rdzv-endpoint={engine.rendezvous}", f"--rdzv-id={job.folder.name}"]
    command = [
        sys.executable, "-m", "torch.distributed.run", *place,
        f"--nnodes={engine.nodes}", f"--nproc-per-node={engine.processes}", f"--max-restarts={engine.restarts}",
        f"--log-dir={logs}", "--redirects=3", "-m", WORKER, str(job.folder),
    ]  # fmt: skip
    threads = max(1, (os.cpu_count() or 1) // engine.processes)
    source = str(Path(__file__).parents[3])
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    # A store that outlives its workers would tell restarted ones the addresses of the dead.
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    with (logs / "launcher.log").open("a") as out:
        return subprocess.Popen(
            command, env=environment, stdout=out, stderr=subprocess.STDOUT, preexec_fn=_end_with_the_parent
        )


def _relay(job: Job, workers: subprocess.Popen, watchers: Sequence[Callable[[Row], None]]) -> None:
    """Rows and log lines as they come; the rows that a restart repeats are not shown again."""
    position, done = 0, -1
    while True:
        ended = workers.poll() is not None
        for behind, message in job.messages(position):
            position = behind
            if "log" in message:
                log.log(message["level"], "%s", message["log"])
            elif message["step"] > done:
                done = message["step"]
                for watch in watchers:
                    watch(message)
        if ended:
            return
        time.sleep(POLL_SECONDS)


def _stop(workers: subprocess.Popen) -> None:
    """End the launcher and its workers, by force where they do not end by themselves or the user asks once more."""
    workers.send_signal(signal.SIGTERM)  # torch.distributed.run stops its workers in turn
    try:
        workers.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        # Each worker has a session of its own: a signal to the launcher's group would reach none.
        own = []
        with contextlib.suppress(psutil.Error):
            own = psutil.Process(workers.pid).children(recursive=True) if workers.poll() is None else []
        workers.kill()
        for process in own:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        workers.wait()


def _port_is_free(engine: Engine) -> None:
    if engine.rendezvous is None:
        return
    port = int(engine.rendezvous.rpartition(":")[2])
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError as error:
            raise PassingError(
                f"Parameter 'training.rendezvous': port {port} of this machine cannot be used ({error.strerror}); "
                "choose another one."
            ) from error


def _why(logs: Path, engine: Engine, code: int) -> str:
    """From the summary that torch.distributed.run ends with."""
    failure = _first_failure((logs / "launcher.log").read_text())
    who = "rank {} ended with exit code {}".format(*failure) if failure else f"they ended with {code}"
    said = _last_words(logs, failure[0] if failure else "0")
    return (
        f"The workers failed: {who}{said}, and {engine.restarts} restart(s) did not help. The log of each rank is in "
        f"{logs}; the same command resumes from the last checkpoint."
    )


def _first_failure(text: str) -> tuple[str, str] | None:
    """Rank and exit code of the worker that died by itself.

    The summary's root cause is the earliest by whole seconds: a worker that was only stopped because another had died
    may come before that one.
    """
    summary = text[max(text.rfind("Failures:"), 0) :]
    found = re.findall(r"rank\s*: (\d+).*?exitcode\s*: (-?\d+)", summary, flags=re.DOTALL)
    found = [*found[-1:], *found[:-1]]  # the root cause is printed last
    stopped = str(-signal.SIGTERM)
    return next((failure for failure in found if failure[1] != stopped), found[0] if found else None)


def _last_words(logs: Path, rank: str) -> str:
    found = sorted(logs.glob(f"*/*/attempt_*/{rank}/stderr.log"), key=lambda p: p.stat().st_mtime)
    lines = found[-1].read_text().strip().splitlines() if found else []
    errors = [line for line in lines if re.match(r"^(\[rank\d+\]: )?[A-Za-z_.]*(Error|Exception)\b", line)]
    return f" ({errors[-1][:300]})" if errors else ""


def _end_with_the_parent() -> None:
    """Linux: a launcher must not go on alone when the process that reads its result was killed."""
    if PRCTL is not None:
        PRCTL(SET_DEATH_SIGNAL, signal.SIGTERM)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    sys.exit(start(Job(folder), folder / f"logs-{socket.gethostname()}-{os.getpid()}").wait())
