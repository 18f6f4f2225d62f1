"""Hand the unlearned model to MLflow, as a copy or as a reference to the catalog's version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blur_pipeline import provenance

if TYPE_CHECKING:
    from kedro.io import DataCatalog

    from blur_pipeline.parameters import Parameters

NAME = "unlearned_model"
LIBRARIES = ("mlflow", "torch", "transformers", "safetensors")


def register_model(catalog: DataCatalog, parameters: Parameters) -> None:
    """Log a pyfunc model that answers questions; ``mlflow.pyfunc.load_model`` needs nothing of this project.

    ``reporting.register_model``: ``copy`` stores the weights in MLflow, ``reference`` their place in the
    catalog, ``none`` does nothing.
    """
    import mlflow

    how = parameters.reporting.register_model
    if how == "none" or not mlflow.active_run():
        return
    weights, tokenizer = (str(Path(catalog[n]._get_load_path())) for n in (NAME, "tokenizer"))
    config = {
        "prompt": parameters.curation.prompt.model_dump(),
        "max_new_tokens": parameters.evaluation.max_new_tokens,
    }
    artifacts = {"tokenizer": tokenizer}
    if how == "copy":
        artifacts["weights"] = weights
    else:
        config["weights"] = weights
    mlflow.pyfunc.log_model(
        name=NAME,
        python_model=str(Path(__file__).with_name("answering.py")),
        artifacts=artifacts,
        model_config=config,
        pip_requirements=[f"{name}=={provenance.version(name)}" for name in LIBRARIES],
        metadata={"method": parameters.method, "benchmark": parameters.benchmark, "weights": weights},
    )
