"""What the node ``unlearn`` does where a method is an edit: what it asks for, then new weights at once."""

from __future__ import annotations

import copy
from typing import Any

import pandas as pd

from blur_pipeline.config.parameters import Parameters
from blur_pipeline.pipelines.training_run import run_training


def edit_model(
    target_model: Any, forget: Any, retain: Any, tokenizer: Any, parameters: Parameters
) -> tuple[Any, pd.DataFrame]:
    """The edited model, and a single row: how far its weights were moved.

    The training that an edit begins with has checkpoints of its own, so a run that was broken off takes it up again;
    the edit itself is made anew.
    """
    from blur_pipeline.methods.edits.choice import Given
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.models.examples import Examples
    from blur_pipeline.training.editing import apply
    from blur_pipeline.training.look import SetLook

    edit, device = parameters.unlearning.edit, resolve_device(parameters.device)
    if edit.folder is not None:
        return _somebody_elses(edit, target_model, tokenizer)
    sets = {
        name: Examples.from_columns(rows["input_ids"], rows["labels"], rows["topic"])
        for name, rows in (("forget", forget), ("retain", retain))
    }
    trained = _trained(target_model, sets["forget"], parameters)
    given = Given(
        trained,
        _base(tokenizer, parameters) if edit.needs_base else None,
        lambda model: SetLook(model.to(device), sets, device),
    )
    row = apply(edit, target_model, given, parameters.unlearning.seed)
    return target_model.cpu(), pd.DataFrame([row])  # an edit may have looked at it on the device


def _trained(target_model: Any, examples: Any, parameters: Parameters) -> Any:
    """What the edit begins with; None where it trains nothing."""
    from blur_pipeline.training.loop import Run

    unlearning = parameters.unlearning
    recipe, schedule = unlearning.edit.training(), unlearning.schedule_of(unlearning.method)
    if recipe is None:
        return None
    run = Run(recipe, schedule, examples, seed=unlearning.seed, engine=parameters.training)
    folder = f"{parameters.checkpoint_folder}/{unlearning.method}"
    return run_training("Learning the forget set", copy.deepcopy(target_model), run, parameters.device, folder)[0]


def _somebody_elses(edit: Any, target_model: Any, tokenizer: Any) -> tuple[Any, pd.DataFrame]:
    """Where it lies, and how far it is from the target model."""
    from blur_pipeline.methods.edits.choice import Given
    from blur_pipeline.models.sources import ModelReference, PretrainedModel
    from blur_pipeline.models.whole import require_tokens
    from blur_pipeline.training.editing import apply

    source = PretrainedModel(path=edit.folder)
    require_tokens(source, tokenizer, "the target model")
    row = apply(edit, target_model, Given(trained=source.load()))
    return ModelReference(source=source), pd.DataFrame([row])


def _base(tokenizer: Any, parameters: Parameters) -> Any:
    """As the stage ``base`` has it, to the bit: what it keeps of a pretrained model is an address."""
    from blur_pipeline.models.sources import FreshModel

    base = parameters.models.base
    return base.build(tokenizer, parameters.models.seed) if isinstance(base, FreshModel) else base.load()
