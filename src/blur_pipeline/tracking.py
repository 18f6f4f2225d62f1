"""Scalars of each step → MLflow, buffered: one request for many points."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from blur_pipeline.report.pages import flatten

if TYPE_CHECKING:
    from blur_pipeline.parameters import Parameters

FLUSH_SECONDS = 2.0
FLUSH_POINTS = 900  # MLflow takes at most 1000 metrics in one batch
NOT_METRICS = ("step",)
MAX_VALUE = 6000  # MLflow refuses longer parameter values
METRICS_ARTIFACT = "metrics.json"  # every aggregate of every model with its interval
ARTIFACTS = {"report_html": "report.html", "report_markdown": "summary.md"}


class StepMetrics:
    """``with StepMetrics("unlearning") as metrics: ... metrics(row)``; does nothing where no run is active."""

    def __init__(self, prefix: str) -> None:
        import mlflow

        self.prefix = prefix
        run = mlflow.active_run()
        self.run_id = run.info.run_id if run else None
        self.points: list = []
        self.flushed = time.monotonic()

    def __enter__(self) -> StepMetrics:
        return self

    def __call__(self, row: dict[str, float]) -> None:
        """Keep one row of scalars; ``row["step"]`` is their step."""
        from mlflow.entities import Metric

        if self.run_id is None:
            return
        now = int(time.time() * 1000)
        self.points += [
            Metric(f"{self.prefix}/{name}", value, now, int(row["step"]))
            for name, value in row.items()
            if name not in NOT_METRICS
        ]
        if len(self.points) > FLUSH_POINTS - 20 or time.monotonic() - self.flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what has gathered."""
        from mlflow import MlflowClient

        if self.points:
            MlflowClient().log_batch(self.run_id, metrics=self.points)
        self.points, self.flushed = [], time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()


def log_parameters(parameters: Parameters) -> None:
    """Every parameter of the run by its dotted name; of the methods, the one in use, as ``method.*``."""
    import mlflow

    if not mlflow.active_run():
        return
    tree = parameters.model_dump(exclude={"unlearning": True, "reporting": {"published"}})
    tree["unlearning"] = parameters.unlearning.choices()
    flat = {name: str(value)[:MAX_VALUE] for name, value in flatten(tree).items()}
    mlflow.log_params(flat)


def close_dead_runs() -> None:
    """Mark as killed the runs of this machine that are still called running although their process is gone.

    A process that gets SIGKILL cannot say so itself.
    """
    import mlflow
    import psutil

    run = mlflow.active_run()
    if not run:
        return
    client, here = mlflow.MlflowClient(), socket.gethostname()
    still_running = "attributes.status = 'RUNNING' and tags.host = '" + here + "'"
    for other in client.search_runs([run.info.experiment_id], still_running):
        if not psutil.pid_exists(int(other.data.tags["pid"])):
            client.set_terminated(other.info.run_id, "KILLED")


@contextmanager
def child_run(name: str, parameters: dict[str, Any]) -> Iterator[None]:
    """A run inside the active one, with parameters of its own; what is logged meanwhile goes there."""
    import mlflow

    if not mlflow.active_run():
        yield
        return
    with mlflow.start_run(run_name=name, nested=True):
        mlflow.log_params(parameters)
        yield


def log_folder(folder: Path, name: str) -> None:
    """Every file of a folder as artifacts under ``name``."""
    import mlflow

    if mlflow.active_run() and folder.is_dir():
        mlflow.log_artifacts(str(folder), name)


def set_tags(tags: dict[str, str]) -> None:
    """Facts that are no parameters."""
    import mlflow

    if mlflow.active_run():
        mlflow.set_tags({name.replace(" ", "_"): value for name, value in tags.items()})


def log_result(dataset_name: str, data: Any) -> None:
    """Final metrics as ``model/metric``; figures and reports as artifacts. Other datasets are left alone."""
    import mlflow

    if not mlflow.active_run():
        return
    model, _, kind = dataset_name.partition(".")
    if kind == "metrics":
        values = {f"{model}/{row.metric}": row.value for row in data.itertuples()}
        mlflow.log_metrics({name: value for name, value in values.items() if math.isfinite(value)})
    elif dataset_name.endswith("_figure"):
        mlflow.log_figure(data, f"figures/{dataset_name.removesuffix('_figure')}.html")
    elif dataset_name in ARTIFACTS:
        mlflow.log_text(data, ARTIFACTS[dataset_name])
    elif dataset_name == "metrics_long":
        mlflow.log_text(data.to_json(orient="records"), METRICS_ARTIFACT)
    elif dataset_name == "curation_report":
        mlflow.log_dict(data, "curation_report.json")


def log_seconds(seconds: dict[str, float], in_all: float) -> None:
    """How long each node took, as ``seconds/node``."""
    import mlflow

    if mlflow.active_run():
        mlflow.log_metrics({f"seconds/{name}": value for name, value in {**seconds, "in_all": in_all}.items()})
