"""Scalars of each step → MLflow, buffered: one sending for many points."""

from __future__ import annotations

import time
from types import TracebackType

FLUSH_SECONDS = 2.0
NOT_METRICS = ("step",)


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
        if time.monotonic() - self.flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what has gathered; the client cuts it into as many requests as MLflow wants."""
        from mlflow import MlflowClient

        if self.points:
            MlflowClient().log_batch(self.run_id, metrics=self.points)
        self.points, self.flushed = [], time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
