"""Whether MLflow's store can be used: looked at before work is spent on what could then not be recorded."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.lineage.provenance import without_password

LOCK_SECONDS = 3.0
ANSWER_SECONDS = (5.0, 15.0)
"""For the connection, and for a server that is busy."""
NOBODY_BEHIND = (502, 503, 504)
"""What a proxy says of a server that it does not reach."""
SMALL = 2**28
"""Bytes of a database up to which every page of it is checked."""
MEND = "mend 'server.mlflow_tracking_uri' in conf/base/mlflow.yml or MLFLOW_TRACKING_URI"


class Address(NamedTuple):
    """Of runs, and of their artifacts where those have a place of their own."""

    uri: str
    artifacts: str | None


def address_of(said: dict[str, Any] | None) -> Address:
    """As conf/*/mlflow.yml gives it; without it kedro-mlflow's own default."""
    said = said or {}
    made = ((said.get("tracking") or {}).get("experiment") or {}).get("create_experiment_kwargs") or {}
    uri = (said.get("server") or {}).get("mlflow_tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI", "mlruns")
    return Address(str(uri), made.get("artifact_location"))


def require_store(uri: str, artifacts: str | None = None) -> None:
    """Connect as MLflow will: it makes a database that is not there and migrates an old one.

    Raises:
        BadInputError: the store is damaged, locked, read-only, unknown or does not answer, or a local folder for
            artifacts cannot be written.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    shown = without_password(uri)
    if uri.startswith("sqlite:"):
        _sqlite(uri)
    elif uri.startswith(("http:", "https:")):
        _answers(uri)
    try:
        MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        said = without_password(first_line(error))
        raise BadInputError(f"{shown}: MLflow cannot use this store ({said}); {MEND}.") from error
    if artifacts is not None and "://" not in artifacts:
        _require_writable(Path(artifacts))


def _sqlite(uri: str) -> None:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        name = make_url(uri).database
    except ArgumentError as error:
        raise BadInputError(f"{uri}: not the address of a database; {MEND}.") from error
    path = Path(name or "")
    if name in (None, "", ":memory:"):
        raise BadInputError(f"{uri}: a database in memory is gone when the run ends; name a file, or {MEND}.")
    if not path.exists():
        if not path.parent.is_dir():
            raise BadInputError(f"{path}: there is no folder {path.parent} for MLflow's database; make it or {MEND}.")
        if not os.access(path.parent, os.W_OK):  # MLflow itself tries for minutes
            raise BadInputError(f"{path}: MLflow's database cannot be made there; mend the permissions or {MEND}.")
        return
    if not path.is_file():
        raise BadInputError(f"{path}: MLflow's database is no file; move it away or {MEND}.")
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.resolve().parent, os.W_OK):
        raise BadInputError(f"{path}: MLflow's database cannot be written; mend the permissions or {MEND}.")
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as store:
            store.execute("BEGIN IMMEDIATE")  # needs the lock that a run needs to write
            store.execute("ROLLBACK")
            found = store.execute("PRAGMA quick_check(1)").fetchone()[0] if path.stat().st_size < SMALL else "ok"
    except sqlite3.OperationalError as error:
        raise BadInputError(
            f"{path}: MLflow's database cannot be written ({error}); end the program that holds it, or {MEND}."
        ) from error
    except sqlite3.DatabaseError as error:
        raise BadInputError(f"{path}: MLflow's database is damaged ({error}); move it away or {MEND}.") from error
    if found != "ok":
        said = str(found).splitlines()[-1]
        raise BadInputError(f"{path}: MLflow's database is damaged ({said}); move it away or {MEND}.")


def _answers(uri: str) -> None:
    """Asked as MLflow will ask, through the proxy that the user's variables name; MLflow itself tries for minutes."""
    import requests

    cause = None
    try:
        answer = requests.get(f"{uri.rstrip('/')}/health", timeout=ANSWER_SECONDS)
        said = f"{answer.status_code} {answer.reason}" if answer.status_code in NOBODY_BEHIND else None
    except (requests.exceptions.SSLError, requests.exceptions.ReadTimeout):
        return  # somebody is there, whom MLflow may be told to trust, or who is busy
    except (requests.RequestException, ValueError) as error:
        said, cause = _innermost(error), error
    if said is not None:
        raise BadInputError(
            f"{without_password(uri)}: no MLflow server answers there ({said}); start it or {MEND}."
        ) from cause


def _innermost(error: BaseException) -> str:
    """What the system said: three libraries have wrapped it in their own words."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return without_password(str(getattr(error, "strerror", None) or first_line(error)))


def _require_writable(folder: Path) -> None:
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise BadInputError(
            f"{folder}: MLflow's artifacts cannot be written there; mend the permissions or MLFLOW_ARTIFACT_LOCATION."
        )
