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
    for mark in Path(parent).glob(f"*/*/{DONE}"):
        if mark.read_text() == str(os.getpid()):
            shutil.rmtree(mark.parent, ignore_errors=True)
            mark.parent.with_suffix(".lock").unlink(missing_ok=True)
