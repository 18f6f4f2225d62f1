"""What Ctrl-C has cost, and what is kept: said in sentences when a run is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blur_pipeline.console.going_on import WAITING

if TYPE_CHECKING:
    from blur_pipeline.console.going_on import GoingOn
    from blur_pipeline.hooks.console import Telling

AGAIN = "The same command goes on from there."


def stopped(going_on: GoingOn, telling: Telling) -> str:
    """Where the run was stopped and what is kept of it."""
    nodes, finished = telling.nodes, telling.finished
    waiting = going_on.what.startswith(WAITING)
    if not nodes and waiting:
        return f"Stopped while {going_on.what}; nothing is lost. {AGAIN}"
    if not nodes:
        return "Stopped before anything was begun; nothing is lost."
    at = f"while {going_on.what}" if waiting else f"in {going_on.node or 'between two nodes'}"
    steps = f" after step {going_on.done} of {going_on.total}" if going_on.node and going_on.title else ""
    kept = [f"what {len(finished)} of {len(nodes)} nodes made" if finished else "what was there before"]
    if steps and (newest := newest_checkpoint(telling.checkpoints())) is not None:
        kept.append(f"the checkpoint {newest}")
    return f"Stopped {at}{steps}. Kept: {' and '.join(kept)}. {AGAIN}"


def newest_checkpoint(folder: Path) -> Path | None:
    """The one that was written last; None where there is none, or a training is just clearing its own away."""
    written = []
    for path in folder.glob("*/*/step-*"):
        try:
            written.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue
    return max(written, default=(0, None))[1]
