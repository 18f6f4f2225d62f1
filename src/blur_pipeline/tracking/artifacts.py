"""Where MLflow keeps the artifacts of runs."""

from __future__ import annotations

import os

LOCAL = "mlartifacts"


def place_of_artifacts(tracking_uri: str) -> str | None:
    """What is said in MLFLOW_ARTIFACT_LOCATION; of a server its own place (None), else a folder of the project.

    A folder that was named to a server would be one of whoever runs the command: nobody else could read from it.
    """
    chosen = os.environ.get("MLFLOW_ARTIFACT_LOCATION")
    return chosen or (None if tracking_uri.startswith(("http:", "https:", "databricks")) else LOCAL)
