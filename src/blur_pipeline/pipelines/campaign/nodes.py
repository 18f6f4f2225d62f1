"""Nodes that tell what a campaign has found: thin, the work is in ``campaign`` and ``report``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.campaign import tables
from blur_pipeline.campaign.boards import reported_boards, tuning_boards
from blur_pipeline.campaign.plan import Plan, plan_of
from blur_pipeline.campaign.study import open_storage
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.report.campaign_pages import campaign_pages
from blur_pipeline.report.pareto_plot import pareto_plot

Frame = pd.DataFrame


def collect(record: dict, parameters: Parameters) -> tuple[Frame, Frame]:
    """Every setting that was tried, and the measurements of those that were chosen, from the storage that all share."""
    plan = _plan(record, parameters)
    storage = open_storage(plan.campaign.address(), plan.campaign.silence)
    tuned = tuning_boards(plan, storage)
    reported = reported_boards(plan, storage, None, tuned)
    best = {method: board.best() for method, board in tuned.items()}
    tried = tables.tried({method: board.outcomes() for method, board in tuned.items()}, best, plan.campaign.seeds)
    return tried, tables.reported({method: board.outcomes() for method, board in reported.items()}, best)


def rank(tried: Frame, runs: Frame, record: dict, parameters: Parameters) -> tuple[Frame, Frame]:
    """The leaderboard of what was chosen, a row a method; and the methods of which nothing could be."""
    floor = _plan(record, parameters).floor
    return tables.ranked(runs, parameters.comparison.shown, floor), tables.without_choice(tried, floor)


def draw(runs: Frame, table: Frame, record: dict, parameters: Parameters) -> Any:
    """Distance against utility of what was chosen."""
    return pareto_plot(runs, table, _plan(record, parameters).floor)


def settings_to_copy(tried: Frame, table: Frame, without: Frame, record: dict, parameters: Parameters) -> str:
    """YAML of the chosen values, with the commands that run them."""
    return tables.settings_yaml(tried, table, without, _plan(record, parameters))


def write(
    tried: Frame,
    runs: Frame,
    table: Frame,
    without: Frame,
    figure: Any,
    settings: str,
    record: dict,
    parameters: Parameters,
) -> tuple[str, str]:
    """The page and its Markdown."""
    plan, comparison = _plan(record, parameters), parameters.comparison
    shown = {"table": tables.readable(table, comparison.shown), "without": without, "tried": tables.for_reading(tried)}
    failed = tables.failures(runs, tried[tried["standing"] == tables.CHOSEN], plan.campaign.reported)
    return campaign_pages(
        f"Campaign {plan.name}: {parameters.benchmark}", figure, shown, tables.rules(plan) + failed, settings
    )


def _plan(record: dict, parameters: Parameters) -> Plan:
    return plan_of(parameters, record["group"])
