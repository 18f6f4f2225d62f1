"""How far a training or a pass over a set is, told to the log: every step at DEBUG, now and then a line at INFO.

Who shows steps as they come (``console/handler.py``) asks for DEBUG and reads ``record.step``.
"""

from __future__ import annotations

import logging
import time
from types import TracebackType

log = logging.getLogger(__name__)
QUIET_SECONDS = 9


class ProgressBar:
    """``with ProgressBar("Unlearning", steps) as bar: ... bar(row)`` after each step."""

    def __init__(self, title: str, total: int, start: int | None = None) -> None:
        """``start`` steps are done already; None: as many as the first call shows, less one."""
        self.title, self.total, self.done, self.offset = title, total, 0, start

    def __enter__(self) -> ProgressBar:
        self.started = self.spoke = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""

    def __call__(self, row: dict[str, float]) -> None:
        """One step is done; ``row["step"]`` says which, so that a resumed training starts where it is."""
        self.done = int(row["step"]) + 1
        if self.offset is None:
            self.offset = self.done - 1
        losses = _losses(row)
        if log.isEnabledFor(logging.DEBUG):
            step = {"title": self.title, "done": self.done, "total": self.total, "already": self.offset}
            log.debug("%s: %d of %d", self.title, self.done, self.total, extra={"step": step | {"losses": losses}})
            return
        now = time.monotonic()
        if now - self.spoke > QUIET_SECONDS or self.done == self.total:
            self.spoke = now
            left = (now - self.started) / (self.done - self.offset) * (self.total - self.done)
            log.info("%s: step %d of %d, %.0f s left  %s", self.title, self.done, self.total, left, losses)


def _losses(row: dict[str, float]) -> str:
    """``forget 13.896  retain 6.038``; a training that forgets nothing has one loss, whatever side it is learnt on."""
    found = {name.removesuffix("_loss"): value for name, value in row.items() if name.endswith("_loss")}
    if found.keys() == {"retain"}:
        found = {"loss": found["retain"]}
    return "  ".join(f"{name} {value:.3f}" for name, value in found.items())
