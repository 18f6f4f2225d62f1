"""The unlearned models that MLflow has logged, and where it keeps the copies of their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

KEPT = "kept"
"""The tag that says how a model is kept, as ``reporting.register_model`` does; one of before it was a copy."""
COPY = "copy"


def logged_models(identity: str) -> list[Any]:
    """Those of an unlearned model in the active run's experiment that are whole, the newest first."""
    import mlflow

    run = mlflow.active_run()
    if run is None:
        return []
    found = mlflow.search_logged_models(
        experiment_ids=[run.info.experiment_id],
        filter_string=f"tags.identity = '{identity}'",
        output_format="list",
    )
    return [m for m in found if m.status == "READY"]  # another status: a run was killed while it was copied


def way_of(logged: Any) -> str:
    """How it is kept: ``copy`` or ``reference``."""
    return logged.tags.get(KEPT, COPY)


def copies(identity: str) -> list[Path]:
    """The folders with copies of its weights; those that MLflow keeps on another machine are not among them."""
    folders = [local(m.artifact_location) for m in logged_models(identity) if way_of(m) == COPY]
    return [folder for folder in folders if folder is not None and folder.is_dir()]


def place_of_copies() -> Path | None:
    """The folder in which MLflow will lay the next copy; None where no run is active, or it is on another machine."""
    import mlflow

    run = mlflow.active_run()
    if run is None:
        return None
    artifacts = local(mlflow.get_experiment(run.info.experiment_id).artifact_location)
    return None if artifacts is None else artifacts / "models"


def local(uri: str) -> Path | None:
    """Of an address of artifacts the folder on this machine; None where they lie elsewhere."""
    path = uri.removeprefix("file://")
    return None if "://" in path or path.startswith("mlflow-artifacts:") else Path(path)
