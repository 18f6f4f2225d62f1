"""Finished runs of a benchmark, read from MLflow: what the comparison and the notebook start from."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

from blur_pipeline.report.leaderboard import RUN_COLUMNS
from blur_pipeline.tracking import METRICS_ARTIFACT

SETTINGS = ("unlearning.", "training.precision")
MODELS = ("target/", "retrained/", "unlearned/")


def finished_runs(benchmark: str) -> pd.DataFrame:
    """``RUN_COLUMNS`` of every finished run with metrics; of runs with the same choices and seed the newest alone.

    ``settings`` names the parameters of the method that differ among the runs of that method.
    """
    import mlflow

    found = mlflow.search_runs(
        experiment_names=[benchmark], filter_string="attributes.status = 'FINISHED'", output_format="list"
    )
    runs = [run for run in found if "unlearned/forget.probability" in run.data.metrics]
    choices = {run.info.run_id: _choices(run) for run in runs}
    tables, seen = [], set()
    for run in runs:  # newest first
        method, seed = run.data.params["method"], int(run.data.params["seed"])
        key = (method, seed, tuple(sorted(choices[run.info.run_id].items())))
        if key in seen:
            continue
        seen.add(key)
        among = [choices[r.info.run_id] for r in runs if r.data.params["method"] == method]
        table = _table(run).assign(
            run_id=run.info.run_id, method=method, settings=_settings(choices[run.info.run_id], among), seed=seed
        )
        tables.append(table[RUN_COLUMNS])
    return pd.concat(tables[::-1], ignore_index=True) if tables else pd.DataFrame(columns=RUN_COLUMNS)


def _choices(run: Any) -> dict[str, str]:
    chosen = {k: v for k, v in run.data.params.items() if k.startswith(SETTINGS)}
    return {k.removeprefix("unlearning."): v for k, v in chosen.items()}


def _settings(ours: dict[str, str], among: list[dict[str, str]]) -> str:
    names = sorted({name for other in among for name in {**ours, **other} if other.get(name) != ours.get(name)})
    return ", ".join(f"{name} {ours.get(name)}" for name in names)


def _table(run: Any) -> pd.DataFrame:
    """The run's metrics with their intervals; without them where a run left none."""
    import mlflow

    try:
        text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{METRICS_ARTIFACT}")
    except Exception:  # the store raises many kinds; an older run, or an artifact that was removed
        rows = [(*n.split("/", 1), v) for n, v in run.data.metrics.items() if n.startswith(MODELS)]
        return pd.DataFrame(rows, columns=["model", "metric", "value"]).assign(low=float("nan"), high=float("nan"))
    return pd.read_json(io.StringIO(text), orient="records")
