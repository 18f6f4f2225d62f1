"""Runs that are still called running although nothing runs them."""

from __future__ import annotations

import os
import socket
import time

import psutil

OWNERLESS_SECONDS = 120
"""How long a run may be without the tags of its process before it counts as dead: they follow at once."""


def process_tags() -> dict[str, str]:
    """What tells later whether this process is still there: its number alone may be given away again."""
    return {"host": socket.gethostname(), "pid": str(os.getpid()), "process_started": _started(os.getpid()) or ""}


def close_dead_runs() -> None:
    """Mark as killed the experiment's runs of this machine whose process is gone: SIGKILL lets nobody say so.

    A run killed before it could name its process is closed by its age.
    """
    import mlflow

    run = mlflow.active_run()
    if not run:
        return
    client, here = mlflow.MlflowClient(), socket.gethostname()
    for other in client.search_runs([run.info.experiment_id], "attributes.status = 'RUNNING'"):
        tags, age = other.data.tags, time.time() - other.info.start_time / 1000
        if "pid" not in tags:
            dead = age > OWNERLESS_SECONDS and other.info.run_id != run.info.run_id
        else:
            dead = tags.get("host") == here and _started(int(tags["pid"])) != tags.get("process_started")
        if dead:
            client.set_terminated(other.info.run_id, "KILLED")


def _started(pid: int) -> str | None:
    """When a process began; None where there is none."""
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
