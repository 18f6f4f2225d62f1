"""Working off the boards of all methods, by turns, beside any number of other processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from blur_pipeline.campaign.study import Board, Taken
from blur_pipeline.console.going_on import WAITING
from blur_pipeline.console.screen import SCREEN

POLL_SECONDS = 2.0
log = logging.getLogger(__name__)


def work_off(
    boards: dict[str, Board], do: Callable[[str, Taken], None], wait: Callable[[float], None] = time.sleep
) -> None:
    """Return when every slot of every board has been tried, here or elsewhere.

    ``do`` works at one slot of a method; the first slots of all methods come before the second ones, so that a campaign
    that is stopped early has treated all alike. What it raises ends the work, and the slot is given back.
    """
    told = ""
    while True:
        for board in boards.values():
            board.fill()
        waiting = [(slots[0], name) for name, board in boards.items() if (slots := board.waiting())]
        if waiting:
            name = min(waiting, key=lambda found: found[0])[1]
            if told:
                SCREEN.going_on.now("looking at what is there now")
                told = ""
            taken = boards[name].take()
            if taken is not None:
                with taken:
                    do(name, taken)
        elif running := sum(len(board.running()) for board in boards.values()):
            tried = sum(len(board.outcomes()) for board in boards.values())
            said = f"{WAITING}, {tried} setting(s) tried and {running} left"
            if said != told:
                log.info("%s", said.capitalize())
                SCREEN.going_on.pace = None  # of this process's last run, which is over
                SCREEN.going_on.now(said)
                told = said
            wait(POLL_SECONDS)
        else:
            return
