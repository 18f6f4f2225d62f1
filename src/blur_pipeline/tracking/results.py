"""What MLflow keeps of a run: parameters, identities, metrics, figures and reports."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.config.flat import leaves
from blur_pipeline.lineage.identities import GROUP
from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.report.pages import figure_page
from blur_pipeline.tracking.data_sets import log_data_sets
from blur_pipeline.tracking.stress import log_headline

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.lineage.identities import Identities

MAX_VALUE = 6000  # MLflow refuses longer parameter values
METRICS_ARTIFACT = "metrics.json"  # every aggregate of every model with its interval
TEXTS = {
    "report_html": "report.html",
    "report_markdown": "summary.md",
    "leaderboard_html": "leaderboard.html",
    "leaderboard_markdown": "leaderboard.md",
    "campaign_html": "campaign.html",
    "campaign_markdown": "campaign.md",
    "campaign_settings": "settings.yml",
}
"""Datasets that are artifacts as they are."""
TAGGED = (*GROUP[:3], "unlearned", "report", "seeds")
"""Stages whose identities are tags: by them runs are found and compared."""


def log_parameters(parameters: Parameters) -> None:
    """Every parameter of the run."""
    import mlflow

    if mlflow.active_run():
        mlflow.log_params(parameters_by_name(parameters))


def parameters_by_name(parameters: Parameters) -> dict[str, str]:
    """Each by its dotted name, no block as a whole; of the methods, the one in use."""
    tree = parameters.model_dump(exclude={"unlearning": True, "reporting": {"published"}})
    tree["unlearning"] = parameters.unlearning.choices() | {"seed": parameters.unlearning.seed}
    return {name: str(value)[:MAX_VALUE] for name, value in leaves(tree).items()}


def log_identities(identities: Identities) -> None:
    """Every stage's identity as an artifact, and as tags those that say with which runs this one compares.

    ``group.evaluation`` is how it was measured, ``configuration`` the unlearned model's identity without its seed.
    """
    import mlflow

    if not mlflow.active_run():
        return
    mlflow.log_dict({stage: identities[stage].sha256 for stage in identities}, "identities.json")
    tags = {f"identity.{stage}": identities[stage].sha256 for stage in TAGGED}
    compared = {"group.evaluation": identities.group["evaluation"], "configuration": identities.recipe}
    set_tags(tags | compared | {"attacks": identities.attacks})


def set_tags(tags: dict[str, str]) -> None:
    """Facts that are no parameters."""
    import mlflow

    if mlflow.active_run():
        mlflow.set_tags({name.replace(" ", "_"): value for name, value in tags.items()})


def log_folder(folder: Path, name: str) -> None:
    """Every file of a folder as artifacts under ``name``."""
    import mlflow

    if mlflow.active_run() and folder.is_dir():
        mlflow.log_artifacts(str(folder), name)


def is_result(dataset_name: str) -> bool:
    """Whether ``log_result`` does something with this dataset."""
    model, _, kind = dataset_name.partition(".")
    tables = {"metrics_long", "seed_table", "shadow_table", "stress_metrics"}
    single = {*TEXTS, *tables, "curation_report", "questions_report", "lessons_report"}
    return dataset_name in single or (model in MODELS and kind == "metrics") or dataset_name.endswith("_figure")


def log_result(dataset_name: str, data: Any) -> None:
    """Final metrics as ``model/metric``; figures and reports as artifacts; what was read as data sets."""
    import mlflow

    if not mlflow.active_run() or not is_result(dataset_name):
        return
    if dataset_name.endswith(".metrics"):
        log_numbers(_by_name(dataset_name.removesuffix("metrics").replace(".", "/"), data, "value"))
    elif dataset_name.endswith("_figure"):
        if data.data:  # or nothing was drawn
            mlflow.log_text(figure_page(data), f"figures/{dataset_name.removesuffix('_figure')}.html")
    elif dataset_name == "stress_metrics":
        log_headline(data)
    elif dataset_name in TEXTS:
        mlflow.log_text(data, TEXTS[dataset_name])
    elif dataset_name == "seed_table":
        log_numbers(_by_name("over_seeds/", data, "mean"))
        mlflow.log_text(data.to_csv(index=False), "seed_table.csv")
    elif dataset_name == "shadow_table":
        log_numbers(_by_name("shadows/", data, "value"))
        log_numbers(_by_name("shadows/", data.assign(metric=data["metric"] + ".excess"), "excess"))
        mlflow.log_text(data.to_csv(index=False), "shadow_table.csv")
    elif dataset_name == "metrics_long":
        mlflow.log_text(_records(data), METRICS_ARTIFACT)
    else:
        mlflow.log_dict(data, f"{dataset_name}.json")
        log_data_sets(data["sources"])


def log_numbers(values: dict[str, float], model_id: str | None = None) -> None:
    """Metrics by their names, and of a model that was logged; nothing without any."""
    import mlflow

    if mlflow.active_run() and values:
        mlflow.log_metrics(values, model_id=model_id)


def log_seconds(seconds: dict[str, float], in_all: float) -> None:
    """How long the run took, and as an artifact how long each node."""
    import mlflow

    if mlflow.active_run():
        mlflow.log_metric("seconds/in_all", in_all)
        mlflow.log_text(json.dumps(seconds, indent=1), "seconds.json")


def _records(table: Any) -> str:
    """JSON that gives every number back as it is, where pandas writes ten decimals; null where it is not finite."""
    cells = table.replace([math.inf, -math.inf], math.nan).astype(object)
    return json.dumps(cells.where(cells.notna(), None).to_dict("records"), allow_nan=False)


def _by_name(prefix: str, table: Any, column: str) -> dict[str, float]:
    """Those that are numbers."""
    values = {f"{prefix}{name}": value for name, value in zip(table["metric"], table[column], strict=True)}
    return {name: value for name, value in values.items() if math.isfinite(value)}
