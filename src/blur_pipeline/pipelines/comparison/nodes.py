"""Nodes that rank finished runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.report import leaderboard as board
from blur_pipeline.report import pages
from blur_pipeline.tracking.finished_runs import finished_runs

Frame = pd.DataFrame


def collect_runs(record: dict, parameters: Parameters) -> tuple[Frame, Frame]:
    """Every finished run of today's data, target, retrained model and evaluation; and the runs of others.

    Raises:
        BadInputError: there is none to rank.
    """
    runs, others = finished_runs(parameters.benchmark, record["group"])
    if runs.empty:
        apart = f" ({len(others)} are of other data, models or evaluation)" if len(others) else ""
        raise BadInputError(
            f"MLflow holds no finished run of the benchmark '{parameters.benchmark}' with these parameters{apart}; "
            "do `kedro run` with the same --env and --params first."
        )
    return runs, others


def rank_runs(runs: Frame, parameters: Parameters) -> tuple[Frame, Frame]:
    """The leaderboard, and paired tests between configurations that share seeds."""
    comparison = parameters.comparison
    shown = [comparison.cost, comparison.gain, *comparison.shown]
    return board.leaderboard(runs, comparison.cost, comparison.gain, shown), board.paired_tests(runs, shown)


def draw_pareto(runs: Frame, table: Frame, parameters: Parameters) -> Any:
    """Forgetting against utility, all configurations."""
    return board.pareto_plot(runs, table, parameters.comparison.cost, parameters.comparison.gain)


def write_leaderboard(
    table: Frame, tests: Frame, figure: Any, others: Frame, parameters: Parameters
) -> tuple[str, str]:
    """The leaderboard as a page and as Markdown."""
    comparison = parameters.comparison
    shown = list(dict.fromkeys([comparison.cost, comparison.gain, *comparison.shown]))
    return pages.leaderboard_pages(parameters.benchmark, board.readable(table, shown), tests, figure, others)
