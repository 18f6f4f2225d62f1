"""The lines of a run that have columns."""

from __future__ import annotations

from blur_pipeline.console.wrap import NARROW, about, lasted

NAME = 48


def node_line(number: int, total: int, name: str, seconds: float, left: float | None) -> str:
    """``35/53 models.unlearning.unlearn    41 s  2 min left``: within 80 columns, with the whole of the name."""
    counted = f"{number:>{len(str(total))}}/{total}"
    line = f"{counted} {name:<{NAME}} {lasted(seconds):>7}"
    told = "" if left is None or number == total else f"  {about(left)} left"
    return line + told if len(line + told) <= NARROW else line
