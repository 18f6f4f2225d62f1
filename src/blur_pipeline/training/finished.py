"""Checkpoints of a finished training go when its model is safe, not before: saving it may fail."""

from __future__ import annotations

import shutil
from pathlib import Path

FINISHED: set[Path] = set()
"""What this process has trained to the end. In the folders themselves nothing says so: another process may have its
number, in a container of its own."""


def mark_finished(folder: Path) -> None:
    """This process has trained to the end what these are the checkpoints of."""
    if folder.is_dir():
        FINISHED.add(folder.resolve())


def clear_finished(parent: str) -> None:
    """Remove the folders below ``parent`` that this process has marked; those of others may not be saved yet."""
    for folder in [folder for folder in FINISHED if folder.is_relative_to(Path(parent).resolve())]:
        FINISHED.remove(folder)
        shutil.rmtree(folder, ignore_errors=True)
        for beside in (".lock", ".json"):
            folder.with_suffix(beside).unlink(missing_ok=True)
