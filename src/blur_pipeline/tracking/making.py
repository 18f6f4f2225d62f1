"""MLflow's store is made by one process at a time: of two that begin at once, one would find half a database."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from filelock import FileLock

SERVER = Path("data/.lineage/locks/mlflow.lock")
"""A server makes its database itself, but two commands of this project could make one experiment twice."""


def making(uri: str) -> AbstractContextManager[object]:
    """Hold the store at ``uri`` while it is made or migrated, or an experiment made in it; others wait.

    MLflow looks whether tables and experiments are there and then makes them, which two processes can do at the same
    moment. The lock of a database lies beside it, for projects that share it.
    """
    path = _lock_of(uri)
    if path is None:
        return nullcontext()
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def _lock_of(uri: str) -> Path | None:
    """None where no database can be made, of which ``require_store`` tells."""
    if not uri.startswith("sqlite:"):
        return SERVER
    database = Path(uri.partition(":///")[2].partition("?")[0])
    can_be_made = database.name not in ("", ":memory:") and os.access(database.parent, os.W_OK | os.X_OK)
    return database.with_name(f"{database.name}.lock") if can_be_made else None
