"""What every training node does around the loop: device, checkpoints, progress, tracking."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from blur_pipeline.tracking import StepMetrics

if TYPE_CHECKING:
    from torch import nn

    from blur_pipeline.methods.recipe import Recipe
    from blur_pipeline.training.examples import Examples
    from blur_pipeline.training.schedule import Schedule

log = logging.getLogger(__name__)


def run_training(
    title: str,
    model: nn.Module,
    recipe: Recipe,
    schedule: Schedule,
    retain: Examples,
    forget: Examples | None,
    seed: int,
    device: str,
    checkpoint_folder: str,
) -> tuple[nn.Module, pd.DataFrame]:
    """The trained model on the CPU, and one row of scalars per step."""
    from blur_pipeline.training.checkpoints import Checkpoints
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.fingerprint import fingerprint
    from blur_pipeline.training.loop import Run, train
    from blur_pipeline.training.progress import ProgressBar

    checkpoints = None
    if schedule.checkpoint_every:
        run_name = fingerprint(model, recipe, schedule, seed, retain, forget)
        checkpoints = Checkpoints(Path(checkpoint_folder), run_name, schedule.checkpoint_every)
    run = Run(recipe, schedule, retain, forget, seed, checkpoints)
    with ProgressBar(title, run.total_steps) as bar, StepMetrics(title.lower().replace(" ", "_")) as metrics:
        run.watchers.extend([bar, metrics])
        model, history = train(model.to(resolve_device(device)), run)
    if checkpoints:
        checkpoints.clear()
    return model.cpu(), pd.DataFrame(history)
