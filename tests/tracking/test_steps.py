"""Step metrics arrive in MLflow in batches, with their steps."""

import mlflow
import pytest

from blur_pipeline.tracking import steps
from blur_pipeline.tracking.steps import StepMetrics
from tests.end_to_end.conftest import empty_store


@pytest.fixture
def run(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment("test")
    with mlflow.start_run() as run:
        yield run


def test_every_point_arrives(run, monkeypatch):
    """Of one sending too, though MLflow takes no more than 1000 in a request."""
    monkeypatch.setattr(steps, "FLUSH_SECONDS", 600)
    with StepMetrics("unlearning") as metrics:
        for step in range(300):
            metrics({"step": step, "forget_loss": step / 2, "lr": 0.1, "retain_loss": 1.0, "epoch": 0.0})
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "unlearning/forget_loss")
    assert [(m.step, m.value) for m in history] == [(s, s / 2) for s in range(300)]


def test_what_was_gathered_is_sent_when_training_breaks_off(run):
    def break_off():
        with StepMetrics("unlearning") as metrics:
            metrics({"step": 0, "forget_loss": 1.0})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert mlflow.MlflowClient().get_metric_history(run.info.run_id, "unlearning/forget_loss")


def test_without_a_run_nothing_happens():
    with StepMetrics("unlearning") as metrics:
        metrics({"step": 0, "forget_loss": 1.0})
    assert metrics.points == []
