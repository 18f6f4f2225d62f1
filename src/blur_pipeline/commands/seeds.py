"""Several seeds of the unlearning: a run of the whole protocol each, children of one MLflow run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blur_pipeline.commands.runs import WHOLE, by_hand, mlflow_run, with_parameter
from blur_pipeline.config.errors import BadInputError

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters

log = logging.getLogger(__name__)


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
    """Do the run of each of ``unlearning.seeds`` that is missing, then what ``options`` ask for, in one MLflow run.

    What a seed's run finds it does not make again, so a crash costs the seed that it happened in.
    """
    from kedro.io.core import generate_timestamp

    from blur_pipeline.console.screen import SCREEN
    from blur_pipeline.tracking.dead_runs import announce

    seeds = require_several(parameters)
    announce(generate_timestamp())
    with mlflow_run(f"seeds: {parameters.method} ×{len(seeds)}"):
        for number, seed in enumerate(seeds, start=1):
            seeded = with_parameter({**options, **WHOLE}, "unlearning.seed", seed)
            log.info("Seed %d, %d of %d. By hand:\n  %s", seed, number, len(seeds), by_hand(seeded))
            SCREEN.going_on.one_of(len(seeds) - number, "all seeds")
            with mlflow_run(f"{parameters.method}, seed {seed}", nested=True):
                kedro_run(**seeded)
        SCREEN.going_on.one_of(0)
        return kedro_run(**options)
