"""Several seeds of the unlearning: a run of the whole protocol each, children of one MLflow run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blur_pipeline.config.errors import BadInputError

WHOLE: dict[str, Any] = {"pipeline": None, "pipelines": [], "load_versions": {}} | {
    name: "" if name == "namespaces" else []
    for name in ("tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs", "namespaces")
}
"""Options of a run of the whole protocol: what narrows ``seeds`` means nothing for a seed's own run."""
log = logging.getLogger(__name__)


def run_each_seed(kedro_run: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Do the run of each of ``unlearning.seeds`` that is missing, then what ``options`` ask for, in one MLflow run.

    What a seed's run finds it does not make again, so a crash costs the seed that it happened in.

    Raises:
        BadInputError: ``unlearning.seeds`` names fewer than two different ones, or all is to be made anew.
    """
    from kedro.io.core import generate_timestamp

    from blur_pipeline.tracking.dead_runs import announce

    parameters = _prepare(options)
    seeds = list(dict.fromkeys(parameters.unlearning.seeds))
    if len(seeds) < 2:
        raise BadInputError(f"Parameter 'unlearning.seeds' is {seeds}: give at least two different ones.")
    if parameters.fresh:
        raise BadInputError(
            "Parameter 'fresh' would make the target model anew for each seed; do `kedro run --params fresh=true` "
            "first and then the seeds without it."
        )
    announce(generate_timestamp())
    with _run(f"seeds: {parameters.method} ×{len(seeds)}"):
        for number, seed in enumerate(seeds, start=1):
            log.info("Seed %d, %d of %d. By hand: %s", seed, number, len(seeds), _by_hand(options, seed))
            with _run(f"{parameters.method}, seed {seed}", nested=True):
                kedro_run(**{**options, **WHOLE, "params": _with_seed(options, seed)})
        return kedro_run(**options)


@contextmanager
def _run(name: str, nested: bool = False) -> Iterator[None]:
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


def _prepare(options: dict[str, Any]) -> Any:
    """The checked parameters; kedro-mlflow sets up store and experiment as the context is made."""
    from kedro.framework.session import KedroSession

    from blur_pipeline.config.parameters import check_parameters

    where = {"env": options.get("env"), "conf_source": options.get("conf_source")}
    with KedroSession.create(project_path=Path.cwd(), runtime_params=options.get("params"), **where) as session:
        return check_parameters(session.load_context().config_loader["parameters"])


def _with_seed(options: dict[str, Any], seed: int) -> dict[str, Any]:
    params = options.get("params") or {}
    return {**params, "unlearning": {**params.get("unlearning", {}), "seed": seed}}


def _by_hand(options: dict[str, Any], seed: int) -> str:
    from blur_pipeline.hooks.artefacts import command

    return command({"env": options.get("env"), "runtime_params": _with_seed(options, seed)})
