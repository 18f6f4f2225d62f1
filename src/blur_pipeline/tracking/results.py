"""What MLflow keeps of a run: parameters, identities, data sets, metrics, figures and reports."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.config.flat import flatten
from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.report.pages import figure_page
from blur_pipeline.tracking.stress import log_headline

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.lineage.identities import Identities

MAX_VALUE = 6000  # MLflow refuses longer parameter values
MAX_DIGEST = 36  # and longer digests of data sets
METRICS_ARTIFACT = "metrics.json"  # every aggregate of every model with its interval
ARTIFACTS = {"report_html": "report.html", "report_markdown": "summary.md"}


def log_parameters(parameters: Parameters) -> None:
    """Every parameter of the run by its dotted name; of the methods, the one in use."""
    import mlflow

    if not mlflow.active_run():
        return
    tree = parameters.model_dump(exclude={"unlearning": True, "reporting": {"published"}})
    unlearning = parameters.unlearning
    tree["unlearning"] = unlearning.choices() | {"method": unlearning.method, "seed": unlearning.seed}
    flat = {name: str(value)[:MAX_VALUE] for name, value in flatten(tree).items()}
    mlflow.log_params(flat)


def identity_tags(identities: Identities) -> dict[str, str]:
    """Each stage's identity, the group within which runs may be ranked, and the configuration: without its seed."""
    tags = {f"identity.{stage}": identities[stage].sha256 for stage in identities}
    tags |= {f"group.{name}": sha256 for name, sha256 in identities.group.items()}
    return tags | {"configuration": identities.recipe, "attacks": identities.attacks}


def name_run(name: str) -> None:
    """How the run is called in MLflow's lists."""
    set_tags({"mlflow.runName": name})


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
    single = {*ARTIFACTS, "metrics_long", "seed_table", "stress_metrics", "curation_report", "questions_report"}
    return dataset_name in single or (model in MODELS and kind == "metrics") or dataset_name.endswith("_figure")


def log_result(dataset_name: str, data: Any) -> None:
    """Final metrics as ``model/metric``; figures and reports as artifacts; what was read as data sets."""
    import mlflow

    if not mlflow.active_run() or not is_result(dataset_name):
        return
    if dataset_name.endswith(".metrics"):
        mlflow.log_metrics(metrics_of(dataset_name.removesuffix(".metrics"), data))
    elif dataset_name.endswith("_figure"):
        if data.data:  # or nothing was drawn
            mlflow.log_text(figure_page(data), f"figures/{dataset_name.removesuffix('_figure')}.html")
    elif dataset_name == "stress_metrics":
        log_headline(data)
    elif dataset_name in ARTIFACTS:
        mlflow.log_text(data, ARTIFACTS[dataset_name])
    elif dataset_name == "seed_table":
        mlflow.log_metrics({f"over_seeds/{row.metric}": row.mean for row in data.itertuples() if row.mean == row.mean})
    elif dataset_name == "metrics_long":
        mlflow.log_text(data.to_json(orient="records"), METRICS_ARTIFACT)
    else:
        mlflow.log_dict(data, f"{dataset_name}.json")
        _log_inputs(data["sources"])


def metrics_of(model: str, table: Any) -> dict[str, float]:
    """``model/metric`` → value, of those that are numbers."""
    values = {f"{model}/{row.metric}": row.value for row in table.itertuples()}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def log_seconds(seconds: dict[str, float], in_all: float) -> None:
    """How long each node took, as ``seconds/node``."""
    import mlflow

    if mlflow.active_run():
        mlflow.log_metrics({f"seconds/{name}": value for name, value in {**seconds, "in_all": in_all}.items()})


def _log_inputs(sources: list[dict[str, Any]]) -> None:
    """Each source as one of the run's data sets: its set as context, its SHA-256 as digest."""
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    for entry in sources:
        source = CodeDatasetSource({"source": entry["source"], "sha256": entry["sha256"], "rows": str(entry["rows"])})
        # Under its set's name: read for two sets it would be one data set to MLflow, with the context of the first.
        name = f"{entry['set']}: {Path(entry['source']).name}"
        mlflow.log_input(MetaDataset(source, name=name, digest=entry["sha256"][:MAX_DIGEST]), context=entry["set"])
