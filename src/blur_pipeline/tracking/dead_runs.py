"""Runs that are still called running although nothing runs them: SIGKILL lets nobody say so.

A process holds a lock file of its own below data/ while it lives, however it ends, and MLflow notes the file's name as
it opens a run. So a run of another machine or container, whose files are not here, is left alone.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = Path("data/.lineage/processes")
TAG = "process_lock"
CONTEXT = "MLFLOW_RUN_CONTEXT"  # MLflow reads tags from it in the moment in which a run begins to exist
PROBED_SECONDS = 2.0
"""For how long another process may hold a lock to see whether it is free: much longer than it ever does."""
KEPT_SECONDS = 30 * 86400
"""A free lock of which this store has no run may be of another store's, which is to find it when it is used again."""
ASKED = 20
"""Of the free locks without a running run here so many, the newest, are asked about as a run begins, one by one."""
log = logging.getLogger(__name__)
_held: dict[Path, FileLock] = {}


def announce(name: str, folder: Path = FOLDER) -> None:
    """From now on this process holds the lock ``name``, and every run that it opens says so."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    if path not in _held:
        lock = FileLock(path, thread_local=False)
        lock.acquire(timeout=PROBED_SECONDS)
        _held[path] = lock
    os.environ[CONTEXT] = json.dumps(_tags_so_far() | {TAG: name})


def _tags_so_far() -> dict[str, str]:
    """Tags that whoever started this process wants on its runs."""
    said = os.environ.get(CONTEXT) or "{}"
    try:
        tags = json.loads(said)
    except ValueError:
        tags = None
    if isinstance(tags, dict):
        return tags
    log.warning("%s is no JSON object; the runs go without its tags", CONTEXT)
    return {}


def close_dead_runs(folder: Path = FOLDER) -> None:
    """Mark as killed the runs of the active one's store, of any benchmark, whose process has let go of its lock."""
    import mlflow

    run = mlflow.active_run()
    if not run:
        return
    client = mlflow.MlflowClient()
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]  # a lock is for all of them
    running = client.search_runs(everywhere, "attributes.status = 'RUNNING'")
    of_lock = {other.data.tags.get(TAG): [] for other in running}
    for other in running:
        of_lock[other.data.tags.get(TAG)].append(other.info.run_id)
    others: dict[Path, float] = {}
    for path in sorted(folder.glob("*.lock")):
        if _is_free(path):
            for run_id in of_lock.get(path.stem, []):
                client.set_terminated(run_id, "KILLED")
            if path.stem in of_lock:
                path.unlink(missing_ok=True)
            else:
                with suppress(FileNotFoundError):  # another process that begins may have taken it away meanwhile
                    others[path] = path.stat().st_mtime
    asked = set(sorted(others, key=others.get)[-ASKED:])
    for path, written in others.items():
        # Their runs have ended, where this store has some; else they are another store's.
        old = time.time() - written > KEPT_SECONDS
        if old or (path in asked and _has_run(path.stem, client, everywhere)):
            path.unlink(missing_ok=True)


def _has_run(lock: str, client: MlflowClient, experiments: list[str]) -> bool:
    """Deleted ones too: they have ended."""
    from mlflow.entities import ViewType

    return bool(client.search_runs(experiments, f"tags.{TAG} = '{lock}'", ViewType.ALL, max_results=1))


def _is_free(path: Path) -> bool:
    if path in _held:
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True
