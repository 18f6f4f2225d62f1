"""Where artifacts of runs go: with a server to the server, else into the project; or where one says."""

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from blur_pipeline.tracking.artifacts import LOCAL
from blur_pipeline.tracking.store import address_of


@pytest.mark.parametrize(
    ("uri", "chosen", "place"),
    [
        ("sqlite:///mlflow.db", None, LOCAL),
        ("https://tracking.example:5000", None, None),
        ("https://tracking.example:5000", "s3://bucket/runs", "s3://bucket/runs"),
        ("sqlite:///mlflow.db", "/big/disk", "/big/disk"),
    ],
)
def test_as_the_shipped_configuration_says(uri, chosen, place, project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.delenv("MLFLOW_ARTIFACT_LOCATION", raising=False)
    if chosen:
        monkeypatch.setenv("MLFLOW_ARTIFACT_LOCATION", chosen)
    bootstrap_project(project)
    with KedroSession.create(project) as session:
        assert address_of(session._get_config_loader()["mlflow"]) == (uri, place)
