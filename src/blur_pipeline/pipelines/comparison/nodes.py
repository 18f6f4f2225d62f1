"""Nodes that rank finished runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.errors import BadInputError
from blur_pipeline.finished_runs import finished_runs
from blur_pipeline.measures import Comparison
from blur_pipeline.report import leaderboard as board
from blur_pipeline.report import pages

Frame = pd.DataFrame


def collect_runs(benchmark: str) -> Frame:
    """Every finished run of the benchmark in MLflow, one row per model and metric.

    Raises:
        BadInputError: there is none.
    """
    runs = finished_runs(benchmark)
    if runs.empty:
        raise BadInputError(
            f"MLflow holds no finished run of the benchmark '{benchmark}'; do `kedro run` with the same --env first."
        )
    return runs


def rank_runs(runs: Frame, comparison: Comparison) -> tuple[Frame, Frame]:
    """The leaderboard, and paired tests between configurations that share seeds."""
    shown = [comparison.cost, comparison.gain, *comparison.shown]
    return board.leaderboard(runs, comparison.cost, comparison.gain, shown), board.paired_tests(runs, shown)


def draw_pareto(runs: Frame, table: Frame, comparison: Comparison) -> Any:
    """Forgetting against utility, all configurations."""
    return board.pareto_plot(runs, table, comparison.cost, comparison.gain)


def write_leaderboard(
    table: Frame, tests: Frame, figure: Any, comparison: Comparison, benchmark: str
) -> tuple[str, str]:
    """The leaderboard as a page and as Markdown."""
    shown = list(dict.fromkeys([comparison.cost, comparison.gain, *comparison.shown]))
    return pages.leaderboard_pages(benchmark, board.readable(table, shown), tests, figure)
