"""Where MLflow keeps the artifacts of runs."""

from __future__ import annotations

import os
from typing import Any

LOCAL = "mlartifacts"
OF_SERVERS = ("http:", "https:", "databricks", "uc:")


def with_artifacts(said: dict[str, Any] | None) -> dict[str, Any]:
    """``mlflow.yml`` with a place for artifacts, where it names none: a folder of the project, but with a server its
    own (None). A folder that was named to a server would be one of whoever runs the command: nobody else could read it.

    ``said`` is that of all environments together, since any of them may name the server.
    """
    said = dict(said or {})
    tracking = dict(said.get("tracking") or {})
    experiment = dict(tracking.get("experiment") or {})
    made = dict(experiment.get("create_experiment_kwargs") or {})
    uri = (said.get("server") or {}).get("mlflow_tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI") or ""
    if made.get("artifact_location") is None:
        made["artifact_location"] = None if str(uri).lower().startswith(OF_SERVERS) else LOCAL
    experiment["create_experiment_kwargs"] = made
    return said | {"tracking": tracking | {"experiment": experiment}}
