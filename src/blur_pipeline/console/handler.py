"""Log records on the screen: what a run says in a line, steps of a training in the line that moves."""

from __future__ import annotations

import logging

from blur_pipeline.console.screen import SCREEN
from blur_pipeline.models import progress

STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


class ScreenHandler(logging.Handler):
    """A level is named where something is wrong; a time stands where something took any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, or note how far a training is."""
        try:
            if (step := getattr(record, "step", None)) is not None:
                SCREEN.going_on.step(**step)
                return
            text = self.format(record)
            named = f"{record.levelname.capitalize()}: {text}" if record.levelno >= logging.WARNING else text
            SCREEN.say(named, STYLES.get(record.levelno))
        except Exception:  # as every handler of the standard library does
            self.handleError(record)


def take_over() -> None:
    """Put it in the place of Kedro's own handler, once: Kedro lets no other class stand in conf/logging.yml."""
    from kedro.logging import RichHandler

    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, RichHandler)]:
        root.removeHandler(handler)
        root.addHandler(ScreenHandler())
        progress.log.setLevel(logging.DEBUG)
