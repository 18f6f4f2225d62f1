"""Checkpoints of unfinished trainings: what each was a training of, and why another one cannot go on from it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

from blur_pipeline.training.checkpoints import Checkpoints, finished
from blur_pipeline.training.fingerprint import RECIPE

THREADS = "threads"


def note(checkpoints: Checkpoints, parts: dict[str, str]) -> None:
    """Leave beside the checkpoints what they are of, for a later training that looks like it."""
    path = _note(checkpoints.folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(parts | {THREADS: torch.get_num_threads()}, indent=1))


def sentences(checkpoints: Checkpoints, parts: dict[str, str]) -> list[str]:
    """Why those of the same recipe are refused, where the training has none of its own; and what else lies there."""
    others = [p for p in checkpoints.parent.glob("*") if p.is_dir() and len(p.name) == 16 and p != checkpoints.folder]
    said = []
    if not any(checkpoints.folder.glob("step-*")):
        said = [why for other in sorted(others) if (why := _why_refused(other, parts))]
    if others:
        size = sum(_bytes(path) for path in others)
        said.append(
            f"{checkpoints.parent} also holds checkpoints of {len(others)} unfinished training(s), {size / 1e6:.1f} "
            "MB; delete those you do not want to resume."
        )
    return said


def _why_refused(folder: Path, parts: dict[str, str]) -> str | None:
    """None where it is a training of something else, or never came as far as a checkpoint."""
    steps = finished(folder)
    try:
        before = json.loads(_note(folder).read_text())
    except (OSError, ValueError):
        return None
    if not steps or any(before.get(name) != parts[name] for name in RECIPE):
        return None
    different = [name for name in parts if before.get(name) != parts[name]]
    threads, today = before.get(THREADS), torch.get_num_threads()
    because = (
        f"; it was made with {threads} thread(s) and this run has {today}: sums are rounded otherwise, and so is what "
        "was trained before it"
        if threads not in (None, today)
        else ""
    )
    return (
        f"{steps[-1]}, of the same method and schedule, is not resumed; what is not the same: "
        f"{', '.join(different)}{because}. This training begins anew."
    )


def _note(folder: Path) -> Path:
    return folder.with_suffix(".json")


def _bytes(folder: Path) -> int:
    """Of all files below; what another process removes meanwhile does not count."""
    files = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return sum(os.path.getsize(file) for file in files if os.path.exists(file))
