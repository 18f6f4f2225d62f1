"""The one place that writes while a run goes: lines, and a word now and then of what is going on.

On a terminal that word is a line at the bottom that moves; in a log it is a line whenever nothing was said for long.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from blur_pipeline.console.going_on import GoingOn
from blur_pipeline.console.wrap import columns, wrap

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.live import Live

SILENCE = 8.0
"""Seconds without a line after which a log gets one: with what it takes to write it, no silence is above ten."""


class Screen:
    """Says lines, and between them what is going on. Threads may use it at once."""

    def __init__(self) -> None:
        self.going_on = GoingOn()
        self._lock, self._over = threading.RLock(), threading.Event()
        self._live: Live | None = None
        self._pulse: threading.Thread | None = None
        self._spoke = time.monotonic()

    def say(self, text: str, style: str | None = None) -> None:
        """Print lines, broken between words where the width is known."""
        with self._lock:
            self._console().print(wrap(text, columns()), style=style, markup=False, highlight=False, soft_wrap=True)
            self._spoke = time.monotonic()

    def show(self, frame: pd.DataFrame, title: str) -> None:
        """Print a table of texts, as wide as it needs."""
        from blur_pipeline.console.tables import fitting

        with self._lock:
            self._console().print(fitting(frame, title), crop=False, markup=False, highlight=False)
            self._spoke = time.monotonic()

    def begin(self, what: str) -> None:
        """From now on something is going on; ends with ``end``."""
        self.going_on.now(what)
        with self._lock:
            if self._pulse is not None or self._live is not None:
                return
            console = self._console()
            if console.is_terminal and not console.is_dumb_terminal:
                self._live = _live(console, self.going_on)
                self._live.start()
                return
            self._over.clear()
            self._pulse = threading.Thread(target=self._beat, daemon=True)
            self._pulse.start()

    def end(self) -> None:
        """Nothing is going on any more."""
        with self._lock:
            pulse, live, self._pulse, self._live = self._pulse, self._live, None, None
        if live is not None:
            live.stop()
        if pulse is not None:
            self._over.set()
            pulse.join(timeout=1)

    def _beat(self) -> None:
        while not self._over.wait(max(0.05, self._spoke + SILENCE - time.monotonic())):
            if time.monotonic() - self._spoke >= SILENCE:
                self.say(f"… {self.going_on}")

    def _console(self) -> Console:
        """Rich's own, which other libraries print through: their lines and the moving one keep apart."""
        from rich import get_console

        return get_console()


def _live(console: Console, going_on: GoingOn) -> Live:
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    spinner = Spinner("dots")

    def line() -> Spinner:
        width = console.width - 3
        said = str(going_on)
        spinner.update(text=Text(said if len(said) <= width else going_on.short(width), no_wrap=True))
        return spinner

    return Live(console=console, get_renderable=line, transient=True, refresh_per_second=4)


SCREEN = Screen()
