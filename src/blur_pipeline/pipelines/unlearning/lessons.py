"""From tables to the sequences that unlearning learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.corpus.companions import require_companions
from blur_pipeline.corpus.variants import count_of
from blur_pipeline.methods.generic import GENERIC, WHP
from blur_pipeline.pipelines.training_run import run_training

if TYPE_CHECKING:
    from blur_pipeline.methods.recipe import Recipe
    from blur_pipeline.models.examples import Examples


def companions_of(forget: Any, names: Sequence[str], method: str) -> dict[str, Examples]:
    """By name the other answers to every forget row.

    Raises:
        BadInputError: some have none.
    """
    from blur_pipeline.models.examples import Examples

    there = {name: [bool(ids) for ids in forget[f"{name}_input_ids"]] for name in names}
    require_companions(method, names, list(forget["row_id"]), there)
    return {name: Examples.from_columns(forget[f"{name}_input_ids"], forget[f"{name}_labels"]) for name in names}


def forget_examples(forget: Any, reference: pd.DataFrame, recipe: Recipe, method: str) -> Examples:
    """The forget set with what the method needs beside each row, and what θ₀ says of them."""
    from dataclasses import replace

    from blur_pipeline.models.examples import Examples

    scores = reference.set_index("row_id").loc[list(forget["row_id"])]
    beside = companions_of(forget, [name for name in recipe.companions() if name != GENERIC], method)
    for name in recipe.companions(scored=True):
        beside[name] = beside[name].with_reference(scores[f"{name}_logprob"])
    if GENERIC in recipe.companions():
        beside[GENERIC] = Examples.from_columns(forget["input_ids"], list(scores[GENERIC]))
    examples = Examples.from_columns(forget["input_ids"], forget["labels"], forget["topic"])
    return replace(examples.with_reference(scores["logprob"]), companions=beside)


def relabelled(target_model: Any, examples: Examples, parameters: Parameters) -> list[list[int]]:
    """Generic labels of each forget sequence, by a copy of the target model that is trained further on them."""
    from copy import deepcopy

    from blur_pipeline.methods.optimizer import AdamW
    from blur_pipeline.methods.recipe import Recipe
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.training.generic_labels import generic_labels
    from blur_pipeline.training.loop import Run
    from blur_pipeline.training.schedule import Schedule

    loss = next(loss for loss in parameters.unlearning.recipe.forget if isinstance(loss, WHP))
    how = loss.reinforcement
    schedule = Schedule(epochs=how.epochs, batch_size=how.batch_size)
    run = Run(Recipe(optimizer=AdamW(lr=how.lr)), schedule, examples, engine=parameters.training)
    folder = f"{parameters.checkpoint_folder}/reinforced"
    reinforced, _ = run_training("Reinforcing", deepcopy(target_model), run, parameters.device, folder)
    device = resolve_device(parameters.device)
    return [labels.tolist() for labels in generic_labels(target_model, reinforced, examples, loss.alpha, device)]


def ranks_by_gradient(parameters: Parameters) -> bool:
    """Whether the target model has a say in what is unlearned."""
    core = parameters.curation.core_set
    return core is not None and core.kind == "gradient_norm"


def steepest(forget: Any, reference: pd.DataFrame, share: float) -> Any:
    """The rows with the longest gradients, in the order in which they stand."""
    norms = reference.set_index("row_id")["gradient_norm"].loc[list(forget["row_id"])].to_numpy()
    return forget.select(sorted((-norms).argsort(kind="stable")[: count_of(share, len(norms))].tolist()))


def measured_examples(evaluation_tokens: Any, recipe: Recipe) -> dict[str, Examples]:
    """The holdout's answers, where a loss takes its level from them; none is learnt from."""
    from blur_pipeline.models.examples import Examples

    if not recipe.measures("holdout"):
        return {}
    rows = [row for row in evaluation_tokens if row["set"] == "holdout" and row["variant"] == "answer"]
    if not rows:
        raise BadInputError(
            "The holdout is empty, and the method measures its level on it; give more of it (sources.holdout, "
            "curation.holdout_fraction), or a number as level."
        )
    return {"holdout": Examples.from_columns([r["input_ids"] for r in rows], [r["labels"] for r in rows])}


def further_examples(further: Any, recipe: Recipe) -> dict[str, Examples]:
    """By name the further sets that the method learns from."""
    from blur_pipeline.models.examples import Examples

    found = {}
    for name in recipe.sets():
        rows = [i for i, of in enumerate(further["set"]) if of == name]
        if rows:
            part = further.select(rows)
            found[name] = Examples.from_columns(part["input_ids"], part["labels"], part["topic"])
    return found
