"""Several seeds of the unlearning: a run of the whole protocol each, children of one MLflow run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blur_pipeline.commands.children import Child, run_children
from blur_pipeline.commands.runs import WHOLE, with_parameter
from blur_pipeline.config.errors import BadInputError

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters


def require_several(parameters: Parameters) -> list[int]:
    """The seeds to run.

    Raises:
        BadInputError: ``unlearning.seeds`` names fewer than two different ones, or all is to be made anew.
    """
    seeds = list(dict.fromkeys(parameters.unlearning.seeds))
    if len(seeds) < 2:
        raise BadInputError(f"Parameter 'unlearning.seeds' is {seeds}: give at least two different ones.")
    if parameters.fresh:
        raise BadInputError(
            "Parameter 'fresh' would make the target model anew for each seed; do `kedro run --params fresh=true` "
            "first and then the seeds without it."
        )
    return seeds


def run_each_seed(kedro_run: Callable[..., Any], options: dict[str, Any], parameters: Parameters) -> Any:
    """Do the run of each of ``unlearning.seeds`` that is missing, then what ``options`` ask for, in one MLflow run."""
    seeds, method = require_several(parameters), parameters.method
    children = [
        Child(f"Seed {seed}", f"{method}, seed {seed}", with_parameter({**options, **WHOLE}, "unlearning.seed", seed))
        for seed in seeds
    ]
    return run_children(kedro_run, options, f"seeds: {method} ×{len(seeds)}", children, "all seeds")
