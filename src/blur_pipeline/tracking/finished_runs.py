"""Finished runs of a benchmark, read from MLflow: what the comparison and the notebook start from."""

from __future__ import annotations

import json
import logging
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from blur_pipeline.config.errors import first_line
from blur_pipeline.lineage.identities import GROUP
from blur_pipeline.lineage.provenance import without_password
from blur_pipeline.report.leaderboard import RUN_COLUMNS
from blur_pipeline.tracking.results import METRICS_ARTIFACT

SETTINGS = ("unlearning.", "training.precision", "training.gradient_buffer")
SAME = {"unlearning.method", "unlearning.seed"}
MODELS = ("target/", "retrained/", "unlearned/")
NUMBERS = ("value", "low", "high")
log = logging.getLogger(__name__)
OTHER_COLUMNS = ["run_id", "method", "seed", "differs_in"]


def finished_runs(benchmark: str, group: dict[str, str], attacks: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``RUN_COLUMNS`` of every finished run of the group, and the runs that do not belong to it.

    A run is what its tags of identity say. Runs with the same unlearned model are one, the newest; ``settings`` names
    the parameters that differ among the configurations of a method. Of the others ``OTHER_COLUMNS`` tell in which
    of data, target, retrained model and evaluation they differ: their numbers do not compare. What attacks found is
    there of runs that were put to the same ``attacks``: of a model the newest such run goes before newer ones.
    """
    runs = {run.info.run_id: run for run in _runs(benchmark)}  # newest first
    apart = {name: _differs(run, group) for name, run in runs.items()}
    ours = _one_a_model([run for name, run in runs.items() if not apart[name]], attacks)
    others = [_other(run, apart[name]) for name, run in runs.items() if apart[name]]
    choices = {run.info.run_id: _choices(run) for run in ours}
    tables, unread = [], {}
    for run in ours:
        method = run.data.params["method"]
        among = [choices[r.info.run_id] for r in ours if r.data.params["method"] == method]
        table = _comparable(_table(run, unread), run, attacks).assign(
            run_id=run.info.run_id,
            method=method,
            settings=_settings(choices[run.info.run_id], among),
            seed=int(run.data.params["unlearning.seed"]),
            configuration=run.data.tags["configuration"],
            target=run.data.tags["identity.target"],
        )
        tables.append(table[RUN_COLUMNS])
    _warn(unread)
    found = pd.concat(tables[::-1], ignore_index=True) if tables else pd.DataFrame(columns=RUN_COLUMNS)
    return found, pd.DataFrame(others, columns=OTHER_COLUMNS)


def _differs(run: Any, group: dict[str, str]) -> str:
    return ", ".join(name for name in GROUP if run.data.tags[_tag(name)] != group[name])


def _other(run: Any, differs: str) -> tuple[str, str, int, str]:
    return run.info.run_id, run.data.params["method"], int(run.data.params["unlearning.seed"]), differs


def _one_a_model(runs: list[Any], attacks: str) -> list[Any]:
    chosen: dict[str, Any] = {}
    for run in runs:
        before = chosen.setdefault(run.data.tags["identity.unlearned"], run)
        if _attacked(run, attacks) and not _attacked(before, attacks):
            chosen[run.data.tags["identity.unlearned"]] = run
    return list(chosen.values())


def _attacked(run: Any, attacks: str) -> bool:
    return run.data.tags.get("attacks") == attacks != "none"


def _comparable(table: pd.DataFrame, run: Any, attacks: str) -> pd.DataFrame:
    """Without what other attacks have found."""
    return table if _attacked(run, attacks) else table[~table["metric"].str.startswith("stress.")]


def _tag(name: str) -> str:
    """Where a run says what it is of: the evaluation is no stage of its own."""
    return "group.evaluation" if name == "evaluation" else f"identity.{name}"


def _runs(benchmark: str) -> list[Any]:
    """Finished runs that unlearned and measured, and that say what they are."""
    import mlflow

    found = mlflow.search_runs(
        experiment_names=[benchmark], filter_string="attributes.status = 'FINISHED'", output_format="list"
    )
    measured = [run for run in found if "unlearned/forget.probability" in run.data.metrics]
    return [run for run in measured if "configuration" in run.data.tags]


def _choices(run: Any) -> dict[str, str]:
    chosen = {k: v for k, v in run.data.params.items() if k.startswith(SETTINGS) and k not in SAME}
    return {k.removeprefix("unlearning."): v for k, v in chosen.items()}


def _settings(ours: dict[str, str], among: list[dict[str, str]]) -> str:
    names = sorted({name for other in among for name in {**ours, **other} if other.get(name) != ours.get(name)})
    return ", ".join(f"{name} {ours.get(name)}" for name in names)


def _table(run: Any, unread: dict[str, str]) -> pd.DataFrame:
    """The run's metrics with their intervals; without them where it left none, or they are ``unread`` for a reason."""
    import mlflow

    place = run.info.artifact_uri
    try:
        left = {PurePosixPath(file.path).name for file in mlflow.artifacts.list_artifacts(artifact_uri=place)}
        if METRICS_ARTIFACT in left:
            text = mlflow.artifacts.load_text(f"{place}/{METRICS_ARTIFACT}")
            if told := json.loads(text):
                return pd.DataFrame(told).astype(dict.fromkeys(NUMBERS, float))  # pandas' reader rounds
    except Exception as error:  # stores raise many kinds
        unread[run.info.run_id] = without_password(first_line(error))
    rows = [(*n.split("/", 1), v) for n, v in run.data.metrics.items() if n.startswith(MODELS)]
    return pd.DataFrame(rows, columns=["model", "metric", "value"]).assign(low=float("nan"), high=float("nan"))


def _warn(unread: dict[str, str]) -> None:
    if unread:
        log.warning(
            "%s of %d run(s) cannot be read from MLflow (%s): they are compared without their intervals; run again "
            "when it can, or delete what is damaged",
            METRICS_ARTIFACT,
            len(unread),
            "; ".join(dict.fromkeys(unread.values())),
        )
