"""Nodes that obtain the target and the retrained model: trained here, given, or absent."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.parameters import Absent, Given, Models, Scores, Training
from blur_pipeline.pipelines.training_run import run_training
from blur_pipeline.training.engine import Engine


def prepare_base_model(models: Models, tokenizer: Any, seed: int) -> Any:
    """The model before it has seen any of the sets: fresh weights, or a reference to a pretrained one."""
    from blur_pipeline.training.models import FreshModel, ModelReference

    if isinstance(models.base, FreshModel):
        return models.base.build(tokenizer, seed)
    return ModelReference(source=models.base)


def obtain_target(
    base_model: Any,
    forget: Any,
    retain: Any,
    background: Any,
    models: Models,
    training: Engine,
    seed: int,
    device: str,
    folder: str,
) -> tuple[Any, pd.DataFrame]:
    """The model that knows the forget set, and its training log."""
    sets = [forget, retain, background]
    return _obtain("Training target", models.target, base_model, sets, training, seed, device, folder)


def obtain_retrained(
    base_model: Any,
    retain: Any,
    background: Any,
    evaluation_tokens: Any,
    models: Models,
    training: Engine,
    seed: int,
    device: str,
    folder: str,
) -> tuple[Any, pd.DataFrame]:
    """The model that never saw the forget set, the gold standard, and its training log.

    Raises:
        BadInputError: its scores were given, and they are of other rows than this run evaluates.
    """
    from blur_pipeline.scoring.saved import require_rows_of
    from blur_pipeline.training.models import SavedScores

    if isinstance(models.retrained, Scores):
        saved = SavedScores(folder=models.retrained.path)
        require_rows_of(saved, evaluation_tokens)
        return saved, _no_log()
    sets = [retain, background]
    return _obtain("Training retrained", models.retrained, base_model, sets, training, seed, device, folder)


def _obtain(
    title: str,
    how: Training | Given | Absent,
    base_model: Any,
    sets: list,
    training: Engine,
    seed: int,
    device: str,
    folder: str,
) -> tuple[Any, pd.DataFrame]:
    from blur_pipeline.training.examples import Examples
    from blur_pipeline.training.loop import Run
    from blur_pipeline.training.models import AbsentModel, ModelReference

    if isinstance(how, Absent):
        return AbsentModel(reason=how.reason), _no_log()
    if isinstance(how, Given):
        return ModelReference(source=how.source()), _no_log()
    parts = [Examples.from_columns(s["input_ids"], s["labels"]) for s in sets]
    examples = sum(parts[1:], parts[0])
    run = Run(how.recipe(), how.schedule, examples, seed=seed, engine=training)
    return run_training(title, base_model, run, device, f"{folder}/{title.split()[-1]}")


def _no_log() -> pd.DataFrame:
    return pd.DataFrame(columns=["step", "epoch", "lr", "retain_loss"])
