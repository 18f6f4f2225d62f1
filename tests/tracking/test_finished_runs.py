"""What the comparison reads of a finished run is what the run had."""

import json
import math

import mlflow
import pandas as pd
import pytest

from blur_pipeline.tracking.finished_runs import finished_runs
from blur_pipeline.tracking.results import METRICS_ARTIFACT, log_result
from tests.end_to_end.conftest import empty_store

GROUP = dict.fromkeys(("data", "target", "retrained", "evaluation"), "same")
NAN = math.nan


@pytest.fixture(autouse=True)
def store(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("world", artifact_location=str(tmp_path / "artifacts"))
    mlflow.set_experiment("world")
    return tmp_path


def finished(table: pd.DataFrame, model: str = "npo") -> str:
    """A run as ``kedro run`` leaves it, with ``table`` as all that it measured."""
    with mlflow.start_run() as run:
        same = {f"{'group' if name == 'evaluation' else 'identity'}.{name}": "same" for name in GROUP}
        mlflow.set_tags(same | {"configuration": model, "identity.unlearned": model, "attacks": "none"})
        mlflow.log_params({"method": model, "unlearning.seed": 0})
        mlflow.log_metric("unlearned/forget.probability", 0.2)
        log_result("metrics_long", table)
    return run.info.run_id


def table_of(*rows: tuple) -> pd.DataFrame:
    columns = ["metric", "value", "low", "high", "n", "reason"]
    return pd.DataFrame(rows, columns=columns).assign(model="unlearned")


def test_numbers_come_back_exactly_as_they_were():
    """A probability of 4e-11 is not 0, and a third has more than ten decimals."""
    finished(table_of(("forget.probability", 4e-11, 1e-300, 1 / 3, 40, ""), ("p", 0.1 + 0.2, -1 / 7, 1e17 + 1, 40, "")))
    found = finished_runs("world", GROUP, "none")[0]
    numbers = [[4e-11, 1e-300, 1 / 3], [0.1 + 0.2, -1 / 7, 1e17 + 1]]
    assert found[["value", "low", "high"]].to_numpy().tolist() == numbers


def test_what_is_no_number_is_null_to_every_reader_of_json(store):
    """A column without any number comes back as one of numbers; whole ones, names and truths stay what they are."""
    rows = table_of(("forget.probability", math.inf, NAN, NAN, 40, ""), ("p", 1.0, NAN, NAN, 3, "2024"))
    run = finished(rows.assign(known=[True, None]))
    found = finished_runs("world", GROUP, "none")[0]
    assert found[["low", "high"]].isna().all(axis=None)
    assert set(found[["value", "low", "high"]].dtypes) == {pd.Series([0.5]).dtype}
    text = mlflow.artifacts.load_text(f"runs:/{run}/{METRICS_ARTIFACT}")
    first, second = json.loads(text, parse_constant=pytest.fail)
    assert (first["value"], first["low"], first["n"], first["known"]) == (None, None, 40, True)
    assert (second["value"], second["n"], second["reason"], second["known"]) == (1.0, 3, "2024", None)


ROW = ("forget.probability", 0.2, 0.1, 0.3, 40, "")


def test_a_run_that_left_no_intervals_is_compared_without(store, caplog):
    """A run of an earlier time, or whose artifacts were removed: there is nothing to be told."""
    run = finished(table_of(ROW))
    next(store.rglob(METRICS_ARTIFACT)).unlink()
    found = finished_runs("world", GROUP, "none")[0]
    assert found[["run_id", "value"]].to_numpy().tolist() == [[run, 0.2]]
    assert found["low"].isna().all()
    assert not caplog.records


def test_intervals_that_are_there_and_cannot_be_read_are_missed_aloud(store, caplog, monkeypatch):
    """One warning, however many runs; the numbers themselves MLflow has elsewhere."""
    finished(table_of(ROW), "npo"), finished(table_of(ROW), "rmu")
    monkeypatch.setattr(mlflow.artifacts, "load_text", lambda uri: (_ for _ in ()).throw(OSError("Access Denied")))
    found = finished_runs("world", GROUP, "none")[0]
    assert found["value"].tolist() == [0.2, 0.2]
    assert [r.getMessage().partition(":")[0] for r in caplog.records] == [
        "metrics.json of 2 run(s) cannot be read from MLflow (Access Denied)"
    ]
