"""An experiment as MLflow's pages show it: its description, its kind, and a view of its runs by their headline."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from blur_pipeline.tracking.headline import HEADLINE, headline_names
from blur_pipeline.tracking.notes import NOTE, page_of

if TYPE_CHECKING:
    from blur_pipeline.config.comparison import Comparison

KIND = "mlflow.experimentKind"
VIEW = "headline"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
SHOWN = 8
"""So many numbers of the headline fit beside each other."""


def introduce(benchmark: str, comparison: Comparison) -> None:
    """Tell of the active run's experiment what nobody has told yet: what a user wrote or changed stays."""
    import mlflow

    run = mlflow.active_run()
    if not run:
        return
    client = mlflow.MlflowClient()
    there = client.get_experiment(run.info.experiment_id).tags
    for name, value in _tags(run.info.experiment_id, benchmark, comparison).items():
        if name not in there:
            client.set_experiment_tag(run.info.experiment_id, name, value)


def view_of(experiment_id: str) -> str:
    """The address of the view, below that of the server."""
    return f"{page_of(experiment_id)}&viewStateShareKey={VIEW}"


def _tags(experiment_id: str, benchmark: str, comparison: Comparison) -> dict[str, str]:
    return {KIND: "custom_model_development", NOTE: _note(experiment_id, benchmark), VIEW_TAG: _view(comparison)}


def _note(experiment_id: str, benchmark: str) -> str:
    return (
        f"Unlearning on the benchmark {benchmark}: each run is one `kedro run`, from its data to its report.\n\n"
        f"[All runs by their headline]({view_of(experiment_id)})\n\n"
        f"- `{HEADLINE}…`: what the leaderboard ranks by and shows; NaN where it was not measured\n"
        "- `unlearned/…`, `target/…`, `retrained/…`: all metrics of the model that forgot, of the one before it and "
        "of the one that never knew\n"
        "- `unlearning/…`, `training_target/…`, `training_retrained/…`: losses and norms of each step\n\n"
        "Where this page shows traces, choose *Model training* above, on the left."
    )


def _view(comparison: Comparison) -> str:
    """A view as MLflow's pages save them: columns of the table of runs with their widths, newest first."""
    columns = [f"metrics.`{HEADLINE}{name}`" for name in headline_names(comparison)[:SHOWN]]
    columns = ["tags.`outcome`", "params.`method`", "params.`unlearning.seed`", *columns]
    widths = {column: max(100, 7 * len(column) - 40) for column in columns}
    state: dict[str, Any] = {"selectedColumns": columns, "columnOrder": columns, "columnWidths": widths}
    state |= {"orderByKey": "attributes.start_time", "orderByAsc": False}
    now = int(time.time() * 1000)
    return json.dumps({"name": "Headline", "createdAt": now, "updatedAt": now, "state": json.dumps(state)})
