"""The project's commands: ``kedro run`` and ``kedro lineage``."""

from __future__ import annotations

import os
from typing import Any

import click
from kedro.framework.cli.project import project_group
from kedro.framework.cli.project import run as kedro_run


def _go_to_project() -> None:
    """Paths count from the project's folder, wherever in it the command is given."""
    from pathlib import Path

    from kedro.utils import find_kedro_project

    os.chdir(find_kedro_project(Path.cwd()) or Path.cwd())


def _run(**options: Any) -> Any:
    from blur_pipeline.console.handler import take_over
    from blur_pipeline.console.screen import SCREEN

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


@click.command()
@click.argument("place")
@click.option("--check", is_flag=True, help="Hash all contents again and name what was changed since.")
def lineage(place: str, check: bool) -> None:
    """Show what made PLACE: an artefact in data/, a folder of them, or an MLflow run by its id."""
    from blur_pipeline.commands.lineage import show_lineage
    from blur_pipeline.config.errors import BadInputError

    place = os.path.abspath(place) if os.path.exists(place) else place
    _go_to_project()
    try:
        sound = show_lineage(place, check)
    except BadInputError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(0 if sound else 1)


run = click.Command(name="run", params=kedro_run.params, help=kedro_run.help, callback=_run)
cli = click.Group(name="kedro", commands={**project_group.commands, "run": run, "lineage": lineage})
