"""Shadow models: an unlearned and a retrained model of each of several seeds, children of one MLflow run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blur_pipeline.commands.children import Child, run_children
from blur_pipeline.commands.runs import WHOLE, parameters_and_catalog, with_parameter
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.models import Training

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters

SCORES = ("unlearned.token_scores", "retrained.token_scores")
COLLECTED = ("scores_of_unlearned_shadows", "scores_of_retrained_shadows")


def require_trained(parameters: Parameters) -> list[int]:
    """The seeds of the shadow models.

    Raises:
        BadInputError: one of the models is not made here, so that there is one of it and no distribution; or all is
            to be made anew.
    """
    for name in ("target", "retrained"):
        how = getattr(parameters.models, name)
        if not isinstance(how, Training):
            raise BadInputError(
                f"Parameter 'models.{name}.kind' is {how.kind}: shadow models are trained, with one seed after the "
                "other; give train."
            )
    edit = parameters.unlearning.edit
    if edit is not None and edit.kind == "given":
        raise BadInputError("Method 'given' is one model that exists already: shadow models are unlearned here.")
    if parameters.fresh:
        raise BadInputError("Parameter 'fresh' would make every shadow model anew at each call; leave it out.")
    return parameters.shadow_seeds


def of_seed(options: dict[str, Any], seed: int) -> dict[str, Any]:
    """A run that makes the models of one seed and scores them: nothing is answered, measured or attacked."""
    alone = with_parameter({**options, **WHOLE}, "models.seed", seed)
    return with_parameter(alone, "models.retrained.seeds", 1) | {"to_outputs": list(SCORES)}


def run_each_shadow(kedro_run: Callable[..., Any], options: dict[str, Any], asked: set[str]) -> Any:
    """Do the run of each seed whose scores are missing, then what ``options`` ask for, in one MLflow run."""
    from blur_pipeline.datasets.seeds import SeedTablesDataset

    if others := sorted(asked - {"shadows"}):
        raise BadInputError(f"The pipeline shadows runs alone; ask for {', '.join(others)} in a run of its own.")
    parameters, catalog = parameters_and_catalog(options)
    seeds, method = require_trained(parameters), parameters.method
    lacking = {seed for name in COLLECTED for seed in SeedTablesDataset(catalog[name]["filepaths"]).missing()}
    children = [
        Child(f"Shadow models of seed {seed}", f"{method}, target {seed}", of_seed(options, seed))
        for seed in sorted(lacking)
    ]
    return run_children(kedro_run, options, f"shadows: {method} ×{len(seeds)}", children, "all shadow models")
