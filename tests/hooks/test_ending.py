"""What the MLflow run of a request says of it."""

from types import SimpleNamespace

import mlflow
import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.config.reporting import Request
from blur_pipeline.hooks.ending import METRICS, Ending
from tests.conf.test_environments import resolved
from tests.end_to_end.conftest import empty_store
from tests.report.test_report import metrics


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").write_bytes(empty_store())
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    yield
    mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("given", [{}, {"id": "R-0007", "received": "2026-11-03", "basis": "GDPR 17(1)(b)"}])
def test_the_run_is_tagged_with_its_request(store, monkeypatch, given):
    raw = resolved("base")
    parameters = check_parameters(raw | {"reporting": raw["reporting"] | {"request": given}})
    table = metrics(forget__probability=0.2, model_utility=0.6)
    catalog = SimpleNamespace(load=lambda name: table)
    pipeline = SimpleNamespace(datasets=lambda: METRICS, all_outputs=set)
    door = SimpleNamespace(parameters=parameters, identities=SimpleNamespace(place="registry"))
    monkeypatch.setattr(Ending, "_register", lambda *_: (None, None))
    with mlflow.start_run(experiment_id="0") as run:
        Ending(door, None, catalog, pipeline).tell()
    tags = mlflow.get_run(run.info.run_id).data.tags
    assert {name: value for name, value in tags.items() if name.startswith("request.")} == Request(**given).tags()
    assert len(Request(**given).tags()) == len(given)
    assert "outcome" in tags
