"""What every training node does around the loop: processes, checkpoints, progress, tracking."""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.tracking.results import log_folder
from blur_pipeline.tracking.steps import StepMetrics

if TYPE_CHECKING:
    from torch import nn

    from blur_pipeline.training.loop import Run

log = logging.getLogger(__name__)


def run_training(title: str, model: nn.Module, run: Run, device: str, folder: str) -> tuple[nn.Module, pd.DataFrame]:
    """The trained model on the CPU, and one row of scalars per step.

    ``folder`` is where the checkpoints of this kind of training are; those of this run go when its model is saved.

    Raises:
        BadInputError: another process trains this very run, or the model does not fit ``training.layout``.
    """
    from dataclasses import replace

    from blur_pipeline.models.isolation import require_isolation
    from blur_pipeline.models.progress import ProgressBar
    from blur_pipeline.training.checkpoints import Checkpoints, RunningAlreadyError
    from blur_pipeline.training.fingerprint import fingerprint
    from blur_pipeline.training.finished import mark_finished

    engine = run.engine
    if engine.layout == "packed":
        require_isolation(model)
    checkpoints = Checkpoints(
        Path(folder), fingerprint(model, run), engine.checkpoint_every, engine.checkpoints_kept, engine.resume == "auto"
    )
    try:
        lock = checkpoints.lock()
    except RunningAlreadyError as error:
        raise BadInputError(str(error)) from error
    with lock, ProgressBar(title, run.total_steps) as bar, StepMetrics(title.lower().replace(" ", "_")) as metrics:
        run = replace(run, checkpoints=checkpoints, watchers=[bar, metrics])
        _mention_leftovers(checkpoints)
        here = _in_workers if engine.distributed else _in_this_process
        model, history = here(model, run, device)
        mark_finished(checkpoints.folder)
    return model.cpu(), pd.DataFrame(history)


def _in_this_process(model: nn.Module, run: Run, device: str) -> tuple[nn.Module, list[dict]]:
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.training.loop import train

    return train(model, run, resolve_device(device))


def _in_workers(model: nn.Module, run: Run, device: str) -> tuple[nn.Module, list[dict]]:
    """The logs of each rank stay beside the checkpoints and go to MLflow; the job's own files are removed."""
    from blur_pipeline.training.workers.job import Job
    from blur_pipeline.training.workers.launch import launch

    name = run.checkpoints.fingerprint[:16]
    job = Job(run.checkpoints.parent / f"{name}.job")
    logs = run.checkpoints.parent / "logs" / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    shutil.rmtree(job.folder, ignore_errors=True)
    if not run.checkpoints.resume:
        shutil.rmtree(run.checkpoints.folder, ignore_errors=True)
    job.write(model, run, device)
    try:
        return launch(job, run.watchers, logs)
    finally:
        log_folder(logs, "worker_logs")
        shutil.rmtree(job.folder, ignore_errors=True)


def _mention_leftovers(checkpoints) -> None:
    others = [p for p in checkpoints.parent.glob("*") if p.is_dir() and len(p.name) == 16 and p != checkpoints.folder]
    size = sum(_bytes(path) for path in others)
    if others:
        log.info("%s also holds checkpoints of %d unfinished run(s), %.1f MB; delete those you do not want to resume",
                 checkpoints.parent, len(others), size / 1e6)  # fmt: skip


def _bytes(folder: Path) -> int:
    """Of all files below; what another process removes meanwhile does not count."""
    files = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return sum(os.path.getsize(file) for file in files if os.path.exists(file))
