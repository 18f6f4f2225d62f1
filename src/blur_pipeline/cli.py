"""``kedro run``, with bad input told in one sentence instead of a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click
from kedro.framework.cli.project import project_group
from kedro.framework.cli.project import run as kedro_run

from blur_pipeline.errors import BadInputError, TrainingFailedError


def _speaks_plainly(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return callback(*arguments, **options)
        except (BadInputError, TrainingFailedError) as error:
            raise click.ClickException(str(error)) from error

    return call


run = click.Command(
    name="run", params=kedro_run.params, help=kedro_run.help, callback=_speaks_plainly(kedro_run.callback)
)
cli = click.Group(name="kedro", commands={**project_group.commands, "run": run})
