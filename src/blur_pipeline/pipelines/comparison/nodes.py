"""Nodes that rank finished runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.report import leaderboard as board
from blur_pipeline.report import pages
from blur_pipeline.report.distance import references, rules, with_distance
from blur_pipeline.report.pareto_plot import pareto_plot, residual_plot
from blur_pipeline.tracking.finished_runs import finished_runs
from blur_pipeline.tracking.reports import reports_of

Frame = pd.DataFrame


def collect_runs(record: dict, parameters: Parameters) -> tuple[Frame, Frame]:
    """Every finished run of today's data, target, retrained model and evaluation; and the runs of others.

    Raises:
        BadInputError: there is none to rank, or they lack what ``comparison`` ranks by.
    """
    runs, others = finished_runs(parameters.benchmark, record["group"], record["attacks"])
    if runs.empty:
        apart = f" ({len(others)} are of other data, models or evaluation)" if len(others) else ""
        raise BadInputError(
            f"MLflow holds no finished run of the benchmark '{parameters.benchmark}' with these parameters{apart}; "
            "do `kedro run` with the same --env and --params first."
        )
    reports = reports_of(runs["run_id"], record["place"])
    return with_distance(runs.assign(report=runs["run_id"].map(reports)), parameters.comparison), others


def rank_runs(runs: Frame, parameters: Parameters) -> tuple[Frame, Frame, Frame]:
    """The leaderboard, paired tests between configurations that share seeds, and the areas that methods cover."""
    comparison = parameters.comparison
    table = board.leaderboard(runs, comparison.shown, comparison.floor)
    tests = board.paired_tests(runs, [board.DISTANCE, board.UTILITY, *comparison.shown])
    return table, tests, board.hypervolumes(table)


def draw_pareto(runs: Frame, table: Frame, parameters: Parameters) -> Any:
    """Distance against utility, all configurations."""
    return pareto_plot(runs, table, parameters.comparison.floor)


def draw_residual(runs: Frame, table: Frame, parameters: Parameters) -> Any:
    """What attacks bring back against utility; empty where no configuration was put to today's attacks."""
    return residual_plot(runs, table, parameters.comparison.floor)


def write_leaderboard(
    runs: Frame,
    table: Frame,
    tests: Frame,
    volumes: Frame,
    distance: Any,
    residual: Any,
    others: Frame,
    parameters: Parameters,
) -> tuple[str, str]:
    """The leaderboard as a page and as Markdown."""
    comparison, figures = parameters.comparison, [figure for figure in (distance, residual) if figure.data]
    tables = {
        "table": board.readable(table, comparison.shown).assign(runs=table["runs"].tolist()),
        "references": references(runs, comparison),
        "volumes": volumes,
        "tests": tests,
        "others": others,
    }
    said = [*rules(runs, comparison), *board.about_attacks(runs)]
    reports = dict(runs[["run_id", "report"]].drop_duplicates().itertuples(index=False))
    return pages.leaderboard_pages(parameters.benchmark, figures, tables, said, reports)
