"""Runs that are still called running although nothing runs them: SIGKILL lets nobody say so.

A process holds a lock file of its own below data/ while it lives, however it ends, and MLflow notes the file's name as
it opens a run. So a run of another machine or container, whose files are not here, is left alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

FOLDER = Path("data/.lineage/processes")
TAG = "process_lock"
CONTEXT = "MLFLOW_RUN_CONTEXT"  # MLflow reads tags from it in the moment in which a run begins to exist
_held: dict[Path, FileLock] = {}


def announce(name: str, folder: Path = FOLDER) -> None:
    """From now on this process holds the lock ``name``, and every run that it opens says so."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    if path not in _held:
        _held[path] = FileLock(path, thread_local=False)
        _held[path].acquire(timeout=0)
    os.environ[CONTEXT] = json.dumps({TAG: name})


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
    for path in sorted(folder.glob("*.lock")):
        if _is_free(path):
            for run_id in of_lock.get(path.stem, []):
                client.set_terminated(run_id, "KILLED")
            path.unlink(missing_ok=True)


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
