"""What a run is at, in one line: the node, how far it is, how long it and the whole run will still take."""

from __future__ import annotations

import time

from blur_pipeline.console.pace import Pace
from blur_pipeline.console.wrap import about, lasted

WAITING = "waiting for other processes"


class GoingOn:
    """Filled while the run goes, read by whoever shows it."""

    def __init__(self) -> None:
        self.pace: Pace | None = None
        self.one_of(0)
        self.now("")

    def now(self, what: str, node: str | None = None) -> None:
        """Something else begins; ``node`` is its name, where it is a node."""
        self.what, self.node, self.began = what, node, time.monotonic()
        self.title = self.losses = ""
        self.done = self.total = self.already = 0
        self.stepped = self.began

    def one_of(self, after: int, all_of: str = "the run") -> None:
        """A run begins that ``after`` others of its kind come after; ``all_of`` names them together."""
        self.after, self.all_of, self.run_began = after, all_of, time.monotonic()

    def step(self, title: str, done: int, total: int, already: int, losses: str) -> None:
        """``done`` of ``total`` steps are made, ``already`` of them before this began to count."""
        if title != self.title:
            self.title, self.stepped = title, time.monotonic()
        self.done, self.total, self.already, self.losses = done, total, already, losses

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def own_left(self) -> float | None:
        """Seconds that its steps will still take; None before there is one."""
        made = self.done - self.already
        return (time.monotonic() - self.stepped) / made * (self.total - self.done) if made > 0 else None

    def run_left(self) -> float | None:
        """Seconds until the end, the runs that come after included (each as long as this one); None: nobody knows."""
        pace = self.pace  # once: another thread may end the run between two looks
        left = None if pace is None else pace.left(self.node, self.elapsed(), self.own_left())
        return None if left is None else left + self.after * (time.monotonic() - self.run_began + left)

    def left(self) -> str:
        """In words, after a comma; empty where nobody knows."""
        seconds = self.run_left()
        return "" if seconds is None else f", {about(seconds)} left of {self.all_of}"

    def __str__(self) -> str:
        steps = f", {self.title[:1].lower()}{self.title[1:]} {self.done} of {self.total}" if self.title else ""
        losses = f" ({self.losses})" if self.losses else ""
        return f"{self.what}{steps}{losses}, {lasted(self.elapsed())}{self.left()}"

    def short(self, width: int) -> str:
        """The most of it that fits: without the losses, without the steps, the name alone."""
        steps = f" {self.done}/{self.total}" if self.title else ""
        seconds = self.run_left()
        left = "" if seconds is None else f", {about(seconds)} left"
        for said in (f"{self.what}{steps}{left}", f"{self.what}{steps}", f"{self.what}{left}", self.what):
            if len(said) <= width:
                return said
        return self.what[-width:]
