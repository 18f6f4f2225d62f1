"""Hand the unlearned model to MLflow, as a copy or as a reference to the catalog's version."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from blur_pipeline.lineage.content import address_of
from blur_pipeline.lineage.manifest import NAME as MANIFEST

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.lineage.manifest import Manifest

NAME = "unlearned_model"
LIBRARIES = ("mlflow", "torch", "transformers", "safetensors")


def register_model(
    model: Manifest, tokenizer: Path, parameters: Parameters, metrics: dict[str, float], registered: str
) -> str | None:
    """Log a pyfunc model that answers questions, as a version of the registered model ``registered``; its URI.

    ``mlflow.pyfunc.load_model`` needs nothing of this project. ``reporting.register_model``: ``copy`` stores the
    weights in MLflow, ``reference`` their place in the catalog, ``none`` does nothing. A model of this identity and
    version that MLflow has already is not logged twice; ``metrics`` are linked to it.
    """
    import mlflow

    run, how = mlflow.active_run(), parameters.reporting.register_model
    if how == "none" or not run:
        return None
    same = {"identity": model.identity, "version": model.version}
    logged = mlflow.search_logged_models(
        experiment_ids=[run.info.experiment_id],
        filter_string=f"tags.identity = '{model.identity}' AND tags.version = '{model.version}'",
        output_format="list",
    )
    known = [m for m in logged if m.status == "READY"]  # another status: a run was killed while it was copied
    if known:
        _version(registered, known[0].model_uri, same | {"manifest": str(Path(model.path).with_name(MANIFEST))})
        _link(known[0].model_id, metrics)
        return known[0].model_uri
    weights = str(Path(address_of(Path(model.path)) or model.path).resolve())  # of a model that stays where it is
    config = {
        "prompt": parameters.curation.prompt.model_dump(),
        "max_new_tokens": parameters.evaluation.max_new_tokens,
    }
    artifacts = {"tokenizer": str(tokenizer)}
    if how == "copy":
        artifacts["weights"] = weights
    else:
        config["weights"] = weights
    info = mlflow.pyfunc.log_model(
        name=NAME,
        python_model=str(Path(__file__).with_name("answering.py")),
        artifacts=artifacts,
        model_config=config,
        pip_requirements=[f"{name}=={version(name)}" for name in LIBRARIES],
        metadata={"method": parameters.method, "benchmark": parameters.benchmark, "weights": weights},
        tags=same,
    )
    _version(registered, info.model_uri, same | {"manifest": str(Path(model.path).with_name(MANIFEST))})
    _link(info.model_id, metrics)
    return info.model_uri


def _version(registered: str, uri: str, tags: dict[str, str]) -> None:
    """A version of the registered model, unless it has one of this identity and version."""
    import mlflow

    client = mlflow.MlflowClient()
    versions = client.search_model_versions(f"name = '{registered}'")
    if not any(tags.items() <= version.tags.items() for version in versions):
        mlflow.register_model(uri, registered, tags=tags)


def _link(model_id: str, metrics: dict[str, float]) -> None:
    import mlflow

    if metrics:
        mlflow.log_metrics(metrics, model_id=model_id)
