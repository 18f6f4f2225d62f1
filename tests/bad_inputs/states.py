"""What lies in a project that ran before, damaged: MLflow's store, artefacts, folders."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.bad_inputs.row import BadInput


def store(name: str, words: str, spoil: Callable[[Path], object]) -> BadInput:
    """MLflow's database is spoilt."""
    return BadInput(name, words, lambda project: spoil(project / "mlflow.db"))


def overwrite(path: Path, start: int, count: int) -> None:
    """Damage in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * count)


def uri(name: str, words: str, address: str) -> BadInput:
    """MLFLOW_TRACKING_URI."""
    return BadInput(name, words, seen={"MLFLOW_TRACKING_URI": address})


def newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")


def as_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def as_file(path: str) -> Callable[[Path], None]:
    def make(project: Path) -> None:
        shutil.rmtree(project / path, ignore_errors=True)
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("in the way")

    return make


DAMAGED = r"mlflow\.db: MLflow's database is damaged"
COMMANDS = [
    store("a database that is text", DAMAGED, lambda p: p.write_text("hello" * 999)),
    store(
        "a database cut short",
        r"mlflow\.db: MLflow's database is damaged",
        lambda p: p.write_bytes(p.read_bytes()[:9000]),
    ),
    store("a database damaged inside", DAMAGED, lambda p: overwrite(p, 8192, 40_000)),
    store("a folder for a database", r"mlflow\.db: MLflow's database is no file", as_folder),
    store("a database of a later MLflow", "MLflow cannot use this store", newer),
    uri("a scheme that MLflow does not know", r"foo://bar: MLflow cannot use", "foo://bar"),
    uri("a database in memory", "sqlite:///: a database in memory is gone", "sqlite:///"),
    uri("a database in no folder", r"there is no folder .*nowhere for MLflow's", "sqlite:///nowhere/mlflow.db"),
    uri("a server that does not answer", "no MLflow server answers there", "http://me:hush-hush@127.0.0.1:9"),
    uri("a server at no port", "no MLflow server answers there", "http://127.0.0.1:99999"),
    uri("a server of no name", "no MLflow server answers there", "http://"),
    BadInput(
        "artifacts where a file is",
        "artifacts cannot be written",
        as_file("art"),
        seen={"MLFLOW_ARTIFACT_LOCATION": "art/x"},
    ),
    BadInput("a file for data/", "data folder cannot be written", as_file("data")),
    BadInput("a file for the locks", "data/.lineage", as_file("data/.lineage")),
    BadInput("a file where raw rows go", r"data/01_raw/own_data", as_file("data/01_raw/own_data")),
]
