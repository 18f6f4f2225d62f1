"""Several runs of one command, children of one MLflow run, and then what the command itself asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from blur_pipeline.commands.runs import by_hand, mlflow_run

log = logging.getLogger(__name__)


class Child(NamedTuple):
    """A run within another one."""

    said: str
    """What it is, on the console."""
    name: str
    """In MLflow."""
    options: dict[str, Any]


def run_children(
    kedro_run: Callable[..., Any], options: dict[str, Any], title: str, children: Sequence[Child], together: str
) -> Any:
    """Do each of the ``children``, then what ``options`` ask for; ``together`` is what all of them are called.

    What a child finds it does not make again, so a crash costs the one that it happened in.
    """
    from kedro.io.core import generate_timestamp

    from blur_pipeline.console.screen import SCREEN
    from blur_pipeline.tracking.dead_runs import announce

    announce(generate_timestamp())
    with mlflow_run(title):
        for number, child in enumerate(children, start=1):
            log.info("%s, %d of %d. By hand:\n  %s", child.said, number, len(children), by_hand(child.options))
            SCREEN.going_on.one_of(len(children) - number, together)
            with mlflow_run(child.name, nested=True):
                kedro_run(**child.options)
        SCREEN.going_on.one_of(0)
        return kedro_run(**options)
