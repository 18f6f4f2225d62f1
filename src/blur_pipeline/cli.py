"""The project's commands beside Kedro's own: each stands in a file of ``commands/``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click
from kedro.framework.cli.project import project_group
from kedro.framework.cli.project import run as kedro_run

from blur_pipeline.commands.run_help import HELP, options_of


def _go_to_project() -> None:
    """Paths count from the project's folder, wherever in it the command is given."""
    from pathlib import Path

    from kedro.utils import find_kedro_project

    os.chdir(find_kedro_project(Path.cwd()) or Path.cwd())


def _say_what_can_be_said() -> None:
    """What a stream has no letter for becomes a question mark: a report of hours must not end over an ellipsis."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _run(dry_run: bool, **options: Any) -> Any:
    from blur_pipeline.console.handler import take_over
    from blur_pipeline.console.screen import SCREEN

    _say_what_can_be_said()
    if dry_run:
        return _say("dry_run", options)
    take_over()
    SCREEN.say("Looking at parameters, inputs and what is there already.")
    SCREEN.begin("still looking")
    try:
        from blur_pipeline.commands.run import run_plainly
        from blur_pipeline.settings import telling

        _go_to_project()
        return run_plainly(kedro_run.callback, options, telling)
    finally:
        SCREEN.end()


def _say(command: str, *given: Any) -> None:
    """Print what ``commands.COMMAND.says`` has to say; bad input is one sentence."""
    from blur_pipeline.config.errors import BadInputError
    from blur_pipeline.console.wrap import columns, wrap

    _say_what_can_be_said()
    _go_to_project()
    try:
        said = import_module(f"blur_pipeline.commands.{command}").says(*given)
    except BadInputError as error:
        raise click.ClickException(str(error)) from error
    click.echo(wrap(said, columns()))


@click.command()
@click.argument("place")
@click.option("--check", is_flag=True, help="Hash every version again and name what was changed or removed since.")
def lineage(place: str, check: bool) -> None:
    """Show what made PLACE: an artefact in data/, a folder of them, or an MLflow run by its id."""
    from blur_pipeline.commands.lineage import show_lineage
    from blur_pipeline.config.errors import BadInputError

    place = os.path.abspath(place) if os.path.exists(place) else place
    _say_what_can_be_said()
    _go_to_project()
    try:
        sound = show_lineage(place, check)
    except BadInputError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(0 if sound else 1)


OPTIONS = options_of(kedro_run.params)
OF_A_RUN = [option for option in OPTIONS if option.name in ("params", "env")]
COMMANDS = {
    "run": click.Command("run", params=OPTIONS, help=HELP, callback=_run),
    "lineage": lineage,
    "methods": click.Command(
        "methods",
        params=OF_A_RUN,
        help="List the methods: every preset in one line.",
        callback=lambda **options: _say("methods", options),
    ),
    "environments": click.Command(
        "environments",
        help="List the environments of conf/: what each is a configuration of, and what it needs.",
        callback=lambda: _say("environments"),
    ),
    "explain": click.Command(
        "explain",
        params=[click.Argument(["parameter"]), *OF_A_RUN],
        help="Say what PARAMETER is, what it takes, its default, its value in an environment and what it decides.",
        callback=lambda parameter, **options: _say("explain", parameter, options),
    ),
}
run = COMMANDS["run"]
cli = click.Group(name="kedro", commands={**project_group.commands, **COMMANDS})
