"""``kedro run``: makes what is missing, tells bad input in one sentence, and says what an interruption has cost."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from blur_pipeline.commands.campaign import run_campaign
from blur_pipeline.commands.interrupted import stopped
from blur_pipeline.commands.last_door import of_kedro, sentence_of
from blur_pipeline.commands.named import known_pipelines
from blur_pipeline.commands.retrained import LOOKING, train_further
from blur_pipeline.commands.runs import forget_what_was_seen, look_ahead
from blur_pipeline.commands.seeds import require_several, run_each_seed
from blur_pipeline.commands.shadows import run_each_shadow
from blur_pipeline.console.screen import SCREEN
from blur_pipeline.console.wrap import columns, wrap

if TYPE_CHECKING:
    from blur_pipeline.hooks.console import Telling

SEEDS = "seeds"
SHADOWS = "shadows"
CAMPAIGN = "campaign"
INTERRUPTED = 130


def run_plainly(kedro_run: Callable[..., Any], options: dict[str, Any], telling: Telling) -> Any:
    """Run with the options of Kedro's own command. ``telling`` knows how far it came where it is stopped.

    Raises:
        click.ClickException: for bad input, and where a training could not go on.
        SystemExit: 130 after Ctrl-C.
    """
    options = {**options, "only_missing_outputs": True}
    try:
        asked = known_pipelines(options)
        if CAMPAIGN in asked:
            return run_campaign(kedro_run, options)
        if SHADOWS in asked:
            return run_each_shadow(kedro_run, options, asked)
        if not asked & LOOKING:
            return kedro_run(**options)
        parameters, further = look_ahead(options)
        if SEEDS in asked:
            require_several(parameters)
        train_further(kedro_run, options, further)
        return run_each_seed(kedro_run, options, parameters) if SEEDS in asked else kedro_run(**options)
    except KeyboardInterrupt:
        said = stopped(SCREEN.going_on, telling)
        SCREEN.end()
        _close_runs("KILLED")
        click.echo(wrap(said, columns()), err=True)
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        _close_runs("FAILED")
        sentence = of_kedro(error) or sentence_of(error)
        if sentence is None:
            raise
        raise click.ClickException(sentence) from error
    finally:
        forget_what_was_seen()


def _close_runs(status: str) -> None:
    """What was stopped or broke off is not finished: MLflow would say so at the end of the process."""
    if "mlflow" not in sys.modules:
        return  # and importing it would take a second
    import mlflow

    # A store that failed fails again: what is told then is the first failure.
    with suppress(Exception):
        while mlflow.active_run():
            mlflow.end_run(status)
