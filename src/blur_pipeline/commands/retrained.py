"""Retrained models of several seeds: those that are missing are made before a run that looks at them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from blur_pipeline.commands.runs import WHOLE, by_hand, mlflow_run, with_parameter

LOOKING = frozenset({"__default__", "evaluation", "seeds"})
"""Pipelines that measure how far the retrained models lie apart."""
SCORES = "retrained.token_scores"
log = logging.getLogger(__name__)


def train_further(kedro_run: Callable[..., Any], options: dict[str, Any], places: dict[str, str]) -> None:
    """A run for each further retrained model whose scores are not there yet, children of one MLflow run.

    Each makes, of what ``--params models.seed=SEED`` would, the retrained model and its scores alone; a crash costs
    the seed that it happened in. ``fresh`` does not make them anew. ``places``: by seed, where the scores lie.
    """
    from kedro.io.core import generate_timestamp

    from blur_pipeline.console.screen import SCREEN
    from blur_pipeline.datasets.seeds import SeedTablesDataset
    from blur_pipeline.tracking.dead_runs import announce

    missing = SeedTablesDataset(places).missing()
    if not missing:
        return
    announce(generate_timestamp())
    params = {name: value for name, value in (options.get("params") or {}).items() if name != "fresh"}
    alone = with_parameter({**options, **WHOLE, "params": params}, "models.retrained.seeds", 1)
    alone["to_outputs"] = [SCORES]
    with mlflow_run(f"retrained models ×{len(missing)}", nested=True):  # of a campaign's, where there is one
        for number, seed in enumerate(missing, start=1):
            seeded = with_parameter(alone, "models.seed", seed)
            log.info(
                "Retrained model of seed %d, %d of %d. By hand:\n  %s", seed, number, len(missing), by_hand(seeded)
            )
            SCREEN.going_on.one_of(len(missing) - number, "the retrained models")
            with mlflow_run(f"retrained, seed {seed}", nested=True):
                kedro_run(**seeded)
    SCREEN.going_on.one_of(0)
