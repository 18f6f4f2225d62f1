"""What commands that do several runs share: an MLflow run around each, options of the whole protocol, parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters

WHOLE: dict[str, Any] = {"pipeline": None, "pipelines": [], "load_versions": {}} | {
    name: "" if name == "namespaces" else []
    for name in ("tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs", "namespaces")
}
"""Options of a run of the whole protocol: what narrows the run around it means nothing for a run within."""


@contextmanager
def mlflow_run(name: str, nested: bool = False) -> Iterator[None]:
    """An MLflow run that ends as what happens in it does.

    kedro-mlflow neither opens nor closes a run that is active already, but opens it once more for each node: the
    stack of active runs holds copies, of which MLflow would call the last ones finished.
    """
    import mlflow

    outer, status = mlflow.active_run(), "FINISHED"
    run = mlflow.start_run(run_name=name, nested=nested)
    try:
        yield
    except BaseException as error:
        status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        raise
    finally:
        while (active := mlflow.active_run()) and (outer is None or active.info.run_id != outer.info.run_id):
            mlflow.end_run(status)
        mlflow.MlflowClient().set_terminated(run.info.run_id, status)


@contextmanager
def _configuration(options: dict[str, Any]) -> Iterator[Any]:
    """The configuration loader of a run; kedro-mlflow sets up store and experiment as the context is made."""
    from kedro.framework.session import KedroSession

    from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader

    where = {"env": options.get("env"), "conf_source": options.get("conf_source")}
    with KedroSession.create(project_path=Path.cwd(), runtime_params=options.get("params"), **where) as session:
        IdentifyingConfigLoader.ahead = session.load_context().config_loader
        yield IdentifyingConfigLoader.ahead


def forget_what_was_seen() -> None:
    """The command is done: the next one in this process reads the files again."""
    from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader

    IdentifyingConfigLoader.ahead = None


def look_ahead(options: dict[str, Any]) -> tuple[Parameters, dict[str, str]]:
    """The checked parameters, and by seed where the scores of further retrained models lie."""
    with _configuration(options) as loader:
        parameters = loader.checked()
        several = bool(parameters.models.further_seeds)
        return parameters, loader["catalog"]["scores_of_further_retrained"]["filepaths"] if several else {}


def catalog_of(options: dict[str, Any]) -> dict[str, Any]:
    """The entries of a run's catalog, identities in their paths."""
    with _configuration(options) as loader:
        return loader["catalog"]


def parameters_and_catalog(options: dict[str, Any]) -> tuple[Parameters, dict[str, Any]]:
    """The checked parameters, and the entries of the catalog with identities in their paths."""
    with _configuration(options) as loader:
        return loader.checked(), loader["catalog"]


def parameters_and_group(options: dict[str, Any]) -> tuple[dict[str, Any], Parameters, dict[str, str]]:
    """The parameters as they stand in YAML, the checked ones, and the group of runs that compare with this one."""
    with _configuration(options) as loader:
        return loader["parameters"], loader.checked(), loader.identities().group


def with_parameter(options: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The same options with one of ``--params`` set: ``unlearning.seed``."""
    *blocks, last = name.split(".")
    params = place = dict(options.get("params") or {})
    for block in blocks:
        place[block] = dict(place.get(block) or {})
        place = place[block]
    place[last] = value
    return {**options, "params": params}


def by_hand(options: dict[str, Any]) -> str:
    """The command of a run with these options."""
    from blur_pipeline.hooks.artefacts import command

    said = {name: options.get(name) for name in ("env", "conf_source")} | {"runtime_params": options.get("params")}
    return command({**said, "to_outputs": options.get("to_outputs")})
