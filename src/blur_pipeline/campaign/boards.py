"""A campaign's boards: of each method's settings, and of what was chosen on the seeds that are reported."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from blur_pipeline.campaign.choosing import choose, planned
from blur_pipeline.campaign.plan import Plan
from blur_pipeline.campaign.signs import Process
from blur_pipeline.campaign.study import Board

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def tuning_boards(plan: Plan, storage: RDBStorage, process: Process | None = None) -> dict[str, Board]:
    """By method. Who only reads needs no process."""
    learnt = partial(choose, seed=plan.campaign.sampler.seed)
    return {
        method: Board(storage, plan.study(method), planned(plan, method), ranges, learnt, process)
        for method, ranges in plan.ranges.items()
    }


def reported_boards(
    plan: Plan, storage: RDBStorage, process: Process | None, tuned: dict[str, Board]
) -> dict[str, Board]:
    """By method that has a setting to report; a slot is a seed."""
    found = {}
    for method, board in tuned.items():
        if (best := board.best()) is not None:
            slots = dict.fromkeys(plan.campaign.reported, best.settings)
            name = plan.reported(method, best.settings)
            found[method] = Board(storage, name, slots, {}, lambda *_: {}, process)
    return found
