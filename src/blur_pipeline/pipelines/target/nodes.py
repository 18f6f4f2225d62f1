"""Nodes that obtain the target and the retrained model: trained here, given, or absent."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.config.models import Absent, Given, Scores, Training
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.pipelines.training_run import run_training


def prepare_base_model(tokenizer: Any, parameters: Parameters) -> Any:
    """The model before it has seen any of the sets: fresh weights, or a reference to a pretrained one."""
    from blur_pipeline.models.sources import FreshModel, ModelReference

    base = parameters.models.base
    if isinstance(base, FreshModel):
        return base.build(tokenizer, parameters.models.seed)
    return ModelReference(source=base)


def obtain_target(
    base_model: Any, forget: Any, retain: Any, background: Any, parameters: Parameters
) -> tuple[Any, pd.DataFrame]:
    """The model that knows the forget set, and its training log."""
    return _obtain("Training target", parameters.models.target, base_model, [forget, retain, background], parameters)


def obtain_retrained(
    base_model: Any, retain: Any, background: Any, evaluation_tokens: Any, parameters: Parameters
) -> tuple[Any, pd.DataFrame]:
    """The model that never saw the forget set, the gold standard, and its training log.

    Raises:
        BadInputError: its scores were given, and they are of other rows than this run evaluates.
    """
    from blur_pipeline.models.sources import SavedScores
    from blur_pipeline.scoring.saved import require_rows_of

    how = parameters.models.retrained
    if isinstance(how, Scores):
        saved = SavedScores(folder=how.path)
        require_rows_of(saved, evaluation_tokens)
        return saved, _no_log()
    return _obtain("Training retrained", how, base_model, [retain, background], parameters)


def _obtain(
    title: str, how: Training | Given | Absent, base_model: Any, sets: list, parameters: Parameters
) -> tuple[Any, pd.DataFrame]:
    from blur_pipeline.models.examples import Examples
    from blur_pipeline.models.sources import AbsentModel, ModelReference
    from blur_pipeline.training.loop import Run

    if isinstance(how, Absent):
        return AbsentModel(reason=how.reason), _no_log()
    if isinstance(how, Given):
        return ModelReference(source=how.source()), _no_log()
    parts = [Examples.from_columns(s["input_ids"], s["labels"]) for s in sets]
    examples = sum(parts[1:], parts[0])
    run = Run(how.recipe(), how.schedule, examples, seed=parameters.models.seed, engine=parameters.training)
    folder = f"{parameters.checkpoint_folder}/{title.split()[-1]}"
    return run_training(title, base_model, run, parameters.device, folder)


def _no_log() -> pd.DataFrame:
    return pd.DataFrame(columns=["step", "epoch", "lr", "retain_loss"])
