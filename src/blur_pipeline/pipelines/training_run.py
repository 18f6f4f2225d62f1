"""What every training node does around the loop: processes, checkpoints, progress, tracking."""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from blur_pipeline.config.errors import PassingError
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
        PassingError: another process trains this very run.
        BadInputError: the model does not fit ``training.layout``.
    """
    from dataclasses import replace

    from blur_pipeline.models.isolation import require_isolation
    from blur_pipeline.models.progress import ProgressBar
    from blur_pipeline.training import leftovers
    from blur_pipeline.training.checkpoints import Checkpoints, RunningAlreadyError
    from blur_pipeline.training.fingerprint import fingerprint, parts_of
    from blur_pipeline.training.finished import mark_finished

    engine = run.engine
    if engine.layout == "packed":
        require_isolation(model)
    parts = parts_of(model, run)
    checkpoints = Checkpoints(
        Path(folder), fingerprint(parts), engine.checkpoint_every, engine.checkpoints_kept, engine.resume == "auto"
    )
    try:
        lock = checkpoints.lock()
    except RunningAlreadyError as error:
        raise PassingError(str(error)) from error
    with lock, ProgressBar(title, run.total_steps) as bar, StepMetrics(title.lower().replace(" ", "_")) as metrics:
        run = replace(run, checkpoints=checkpoints, watchers=[bar, metrics])
        for sentence in leftovers.sentences(checkpoints, parts):
            log.info(sentence)
        leftovers.note(checkpoints, parts)
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
    _give_back(model)
    try:
        return launch(job, run.watchers, logs)
    finally:
        log_folder(logs, "worker_logs")
        shutil.rmtree(job.folder, ignore_errors=True)


def _give_back(model: nn.Module) -> None:
    """The card of the first worker: what was scored here before has left the model and torch's cache there."""
    import gc

    import torch

    model.cpu()
    gc.collect()
    torch.cuda.empty_cache()  # nothing where no card was used
