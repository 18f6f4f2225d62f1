"""Where artifacts of runs go: with a server to the server, else into the project; or where one says."""

import pytest

from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from blur_pipeline.settings import CONFIG_LOADER_ARGS
from blur_pipeline.tracking.artifacts import LOCAL
from blur_pipeline.tracking.store import address_of


@pytest.fixture
def mlflow_of(project, monkeypatch, tmp_path):
    """What is read of ``mlflow.yml`` of base and of an environment, with these variables set."""

    def read(own: str = "", base: str = "", **variables: str) -> dict:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_ARTIFACT_LOCATION"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        for env, text in (("base", base or (project / "conf/base/mlflow.yml").read_text()), ("mine", own)):
            (tmp_path / env).mkdir(exist_ok=True)
            (tmp_path / env / "mlflow.yml").write_text(text)
            (tmp_path / env / "globals.yml").write_text("benchmark: mine\n")
        return IdentifyingConfigLoader(str(tmp_path), env="mine", **CONFIG_LOADER_ARGS)["mlflow"]

    return read


@pytest.mark.parametrize(
    ("uri", "chosen", "place"),
    [
        ("sqlite:///mlflow.db", None, LOCAL),
        ("https://tracking.example:5000", None, None),
        ("https://tracking.example:5000", "s3://bucket/runs", "s3://bucket/runs"),
        ("sqlite:///mlflow.db", "/big/disk", "/big/disk"),
    ],
)
def test_as_the_shipped_configuration_says(uri, chosen, place, mlflow_of):
    said = {"MLFLOW_ARTIFACT_LOCATION": chosen} if chosen else {}
    assert address_of(mlflow_of(MLFLOW_TRACKING_URI=uri, **said)) == (uri, place)


def test_a_server_may_be_named_by_any_environment(mlflow_of):
    """Where a private address stands; and base may name one that an environment leaves."""
    server = 'server: {mlflow_tracking_uri: "%s"}'
    assert address_of(mlflow_of(server % "HTTPS://tracking.example")) == ("HTTPS://tracking.example", None)
    local = "sqlite:///mine.db"
    assert address_of(mlflow_of(server % local, MLFLOW_TRACKING_URI="http://there")) == (local, LOCAL)


@pytest.mark.parametrize("base", ["server: {mlflow_tracking_uri: null}", "tracking: {run: {nested: true}}"])
def test_without_an_address_kedro_mlflow_has_a_default(base, mlflow_of):
    assert address_of(mlflow_of(base=base)) == ("mlruns", LOCAL)
    assert address_of(mlflow_of(base=base, MLFLOW_TRACKING_URI="http://there")) == ("http://there", None)
