"""Working off the boards of all methods, by turns, beside any number of other processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from blur_pipeline.campaign.study import Board, Taken

POLL_SECONDS = 2.0
log = logging.getLogger(__name__)


def work_off(
    boards: dict[str, Board], do: Callable[[str, Taken], None], wait: Callable[[float], None] = time.sleep
) -> None:
    """Return when every slot of every board has been tried, here or elsewhere.

    ``do`` works at one slot of a method; the first slots of all methods come before the second ones, so that a campaign
    that is stopped early has treated all alike. What it raises ends the work, and the slot is given back.
    """
    told = False
    while True:
        for board in boards.values():
            board.fill()
        waiting = [(slots[0], name) for name, board in boards.items() if (slots := board.waiting())]
        if waiting:
            name = min(waiting, key=lambda found: found[0])[1]
            taken = boards[name].take()
            if taken is not None:
                with taken:
                    do(name, taken)
        elif running := sum(len(board.running()) for board in boards.values()):
            if not told:
                log.info("Waiting for %d setting(s) that other processes work at", running)
            told = True
            wait(POLL_SECONDS)
        else:
            return
