"""``kedro run``: makes what is missing, tells bad input in one sentence, and says what an interruption has cost."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import click

from blur_pipeline.commands.seeds import run_each_seed
from blur_pipeline.config.errors import BadInputError, TrainingFailedError

KEPT = "What was finished is kept; the same command goes on from there."
SEEDS = "seeds"
INTERRUPTED = 130


def run_plainly(kedro_run: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Run with the options of Kedro's own command.

    Raises:
        click.ClickException: for bad input, and where a training could not go on.
        SystemExit: 130 after Ctrl-C.
    """
    options = {**options, "only_missing_outputs": True}
    try:
        _known(options)
        if SEEDS in _asked(options):
            return run_each_seed(kedro_run, options)
        return kedro_run(**options)
    except (BadInputError, TrainingFailedError) as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        # How Kedro says that --nodes, --from-nodes, --to-outputs … name something that is not there.
        if str(error).startswith(("Pipeline does not contain", "Pipeline contains no nodes")):
            raise click.ClickException(f"{error} See `kedro registry describe`.") from error
        raise
    except KeyboardInterrupt:
        _close_runs()
        click.echo(f"Stopped. {KEPT}", err=True)
        raise SystemExit(INTERRUPTED) from None


def _asked(options: dict[str, Any]) -> list[str]:
    """The pipelines by name; Kedro has an option for one beside that for several."""
    return [*(options.get("pipelines") or []), *([options["pipeline"]] if options.get("pipeline") else [])]


def _known(options: dict[str, Any]) -> None:
    from kedro.framework.project import pipelines

    for name in _asked(options):
        if name not in pipelines:
            near = get_close_matches(name, pipelines.keys())
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(pipelines.keys()))}."
            raise BadInputError(f"There is no pipeline '{name}'; {hint}")


def _close_runs() -> None:
    """What a person stopped is not finished: MLflow would say so at the end of the process."""
    import mlflow

    while mlflow.active_run():
        mlflow.end_run("KILLED")
