"""A progress bar with time left and the losses, or now and then a line where there is no terminal."""

from __future__ import annotations

import logging
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)
QUIET_SECONDS = 15


class ProgressBar:
    """``with ProgressBar("Unlearning", steps) as bar: ... bar(row)`` after each step."""

    def __init__(self, title: str, total: int, start: int | None = None) -> None:
        """``start`` steps are done already; None: as many as the first call shows, less one."""
        self.title, self.total, self.done, self.offset = title, total, 0, start
        self.console = Console()
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> ProgressBar:
        self.bar.start()
        self.task = self.bar.add_task(self.title, total=self.total, losses="")
        self.started = self.spoke = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def __call__(self, row: dict[str, float]) -> None:
        """One step is done; ``row["step"]`` says which, so that a resumed training starts where it is."""
        self.done = int(row["step"]) + 1
        if self.offset is None:
            self.offset = self.done - 1
        losses = "  ".join(f"{n.removesuffix('_loss')} {v:.3f}" for n, v in row.items() if n.endswith("_loss"))
        self.bar.update(self.task, completed=self.done, losses=losses)
        now = time.monotonic()
        if not self.console.is_terminal and (now - self.spoke > QUIET_SECONDS or self.done == self.total):
            self.spoke = now
            left = (now - self.started) / (self.done - self.offset) * (self.total - self.done)
            log.info("%s: step %d of %d, %.0f s left  %s", self.title, self.done, self.total, left, losses)
