"""Checkpoints of a finished training go when its model is safe, not before: saving it may fail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

DONE = "done"


def mark_finished(folder: Path) -> None:
    """This process has trained to the end what these are the checkpoints of."""
    if folder.is_dir():
        (folder / DONE).write_text(str(os.getpid()))


def clear_finished(parent: str) -> None:
    """Remove the folders that this process has marked; those of others may not be saved yet."""
    for mark in [Path(run, DONE) for kind in _folders(parent) for run in _folders(kind)]:
        try:
            ours = mark.read_text() == str(os.getpid())
        except OSError:  # not finished, or another process has just removed its own
            continue
        if ours:
            shutil.rmtree(mark.parent, ignore_errors=True)
            for beside in (".lock", ".json"):
                mark.parent.with_suffix(beside).unlink(missing_ok=True)


def _folders(parent: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(parent) if entry.is_dir()]
    except OSError:
        return []
