"""What the attacks found, in MLflow: the headline among the run's metrics, and a child run for each attack."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blur_pipeline.config.flat import flatten
from blur_pipeline.metrics.residual import NONE
from blur_pipeline.tracking.dead_runs import TAG

if TYPE_CHECKING:
    import pandas as pd

    from blur_pipeline.stress.choice import Attack

PREFIX, NAME = "stress/", "stress: {}"
CURVES = ("excess", "target", "retrained", "unlearned", "utility")
BEFORE = {name: f"{name}_before" for name in CURVES[1:4]}


def log_headline(table: pd.DataFrame) -> None:
    """``stress/residual_knowledge`` first, then the mean and each attack's excess; not what is void."""
    import mlflow

    values = zip(table["metric"], table["value"], strict=True)
    found = {f"{PREFIX}{name.removeprefix('stress.')}": value for name, value in values if math.isfinite(value)}
    if mlflow.active_run() and found:
        mlflow.log_metrics(found)


def log_attacks(states: pd.DataFrame, attacks: Mapping[str, Attack]) -> None:
    """A finished run below the active one for each attack, with its settings as parameters and curves over its budget.

    None of them has an unlearned model, so that none is a run to be compared.
    """
    import mlflow

    parent = mlflow.active_run()
    if not parent:
        return
    for name, rows in states[states["attack"] != NONE[0]].groupby("attack", sort=False):
        settings = flatten(attacks[name].model_dump(mode="json")) if name in attacks else {}
        _log_attack(parent, name, rows, settings)


def points_of(rows: pd.DataFrame) -> list[tuple[str, float, int]]:
    """Names, values and steps of one attack's metrics: ``excess`` at its budget, ``excess/lr 0.0005`` of a form.

    A training has a point before its first step. A budget that is no whole number stands in the name.
    """
    found = []
    for row in rows.to_dict("records"):
        suffix, step = _place(row)
        found += [(f"{name}{suffix}", row[name], step) for name in CURVES]
    for variant, part in rows[rows["unit"] == "steps"].groupby("variant", sort=False):
        first = part.sort_values("budget").iloc[0]
        found += [(f"{name}/{variant}" if variant else name, first[before], 0) for name, before in BEFORE.items()]
    return [point for point in found if math.isfinite(point[1])]


def _place(row: dict[str, Any]) -> tuple[str, int]:
    """What stands behind the name, and the step: rounding to 4 bits has no form but its budget."""
    budget = f"{row['budget']:g} {row['unit']}".strip()
    whole = float(row["budget"]).is_integer()
    said = [part for part in (row["variant"], "" if whole else budget) if part and not (whole and part == budget)]
    return "".join(f"/{part}" for part in said), int(row["budget"]) if whole else 0


def _log_attack(parent: Any, name: str, rows: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    client, now = MlflowClient(), int(time.time() * 1000)
    tags = {MLFLOW_PARENT_RUN_ID: parent.info.run_id, "attack": name, "access": rows["access"].iloc[0]}
    if TAG in parent.data.tags:
        tags[TAG] = parent.data.tags[TAG]  # should the process be killed here
    run = client.create_run(parent.info.experiment_id, run_name=NAME.format(name), tags=tags)
    points = [Metric(_allowed(key), value, now, step) for key, value, step in points_of(rows)]
    params = [Param(f"attack.{key}", str(value)) for key, value in settings.items()]
    verdicts = [RunTag("verdicts", ", ".join(dict.fromkeys(rows["verdict"])))]
    client.log_batch(run.info.run_id, metrics=points, params=params, tags=verdicts)
    client.set_terminated(run.info.run_id)


def _allowed(name: str) -> str:
    """MLflow's names are of letters, digits and a few marks."""
    return "".join(c if c.isalnum() or c in "_/-. :" else "_" for c in name)
