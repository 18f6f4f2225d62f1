"""Nodes that make the target model forget."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.methods.generic import GENERIC
from blur_pipeline.pipelines.training_run import run_training
from blur_pipeline.pipelines.unlearning.editing import edit_model
from blur_pipeline.pipelines.unlearning.handing_on import with_tokenizer
from blur_pipeline.pipelines.unlearning.lessons import (
    companions_of,
    forget_examples,
    further_examples,
    measured_examples,
    ranks_by_gradient,
    relabelled,
    steepest,
)


def score_reference(target_model: Any, forget: Any, parameters: Parameters) -> pd.DataFrame:
    """log π_θ₀(y|x) of each forget sequence, in the precision of the training: ``row_id, logprob, tokens``.

    And ``NAME_logprob`` of each other answer to its question that the method compares with θ₀; and ``gradient_norm``
    where ``curation.core_set`` chooses by it, and ``generic`` labels where the method learns those.
    """
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.models.examples import IGNORED, Examples
    from blur_pipeline.training.gradient_scores import whole_gradient_norms
    from blur_pipeline.training.reference_scores import score_sequences

    device, unlearning = resolve_device(parameters.device), parameters.unlearning

    def score(examples: Examples, title: str) -> Any:
        return score_sequences(target_model, examples, parameters.training, device, title).astype(float)

    beside = companions_of(forget, unlearning.recipe.companions(scored=True), unlearning.method)
    examples = Examples.from_columns(forget["input_ids"], forget["labels"])
    tokens = [int((labels[1:] != IGNORED).sum()) for labels in examples.labels]
    logprobs = score(examples, "Scoring the forget set")
    others = {f"{name}_logprob": score(e, f"Scoring the {name} answers") for name, e in beside.items()}
    if ranks_by_gradient(parameters):
        others["gradient_norm"] = whole_gradient_norms(target_model, examples, device, "Ranking the forget set")
    if GENERIC in unlearning.recipe.companions():
        others[GENERIC] = relabelled(target_model, examples, parameters)
    return pd.DataFrame({"row_id": forget["row_id"], "logprob": logprobs, "tokens": tokens, **others})


def unlearn(
    target_model: Any,
    forget: Any,
    further: Any,
    retain: Any,
    evaluation_tokens: Any,
    reference: pd.DataFrame,
    tokenizer: Any,
    parameters: Parameters,
) -> tuple[Any, pd.DataFrame]:
    """The unlearned model with its tokenizer, and one row of scalars per step; of an edit there is one.

    Of what is evaluated it is shown nothing but the holdout's answers, and these where a level is measured on them.
    The tokenizer is also what a fresh base model is built from, where an edit asks for that.
    """
    if parameters.unlearning.edit is not None:
        model, log = edit_model(target_model, forget, retain, tokenizer, parameters)
    else:
        if ranks_by_gradient(parameters):
            forget = steepest(forget, reference, parameters.curation.core_set.share)
        run = _unlearning_run(forget, further, retain, evaluation_tokens, reference, parameters)
        folder = f"{parameters.checkpoint_folder}/{parameters.unlearning.method}"
        model, log = run_training("Unlearning", target_model, run, parameters.device, folder)
    return with_tokenizer(model, tokenizer, len(set(forget["row_id"])), parameters), log


def _unlearning_run(
    forget: Any, further: Any, retain: Any, evaluation_tokens: Any, reference: pd.DataFrame, parameters: Parameters
) -> Any:
    from blur_pipeline.models.examples import Examples
    from blur_pipeline.training.loop import Run

    unlearning, recipe = parameters.unlearning, parameters.unlearning.recipe
    run = Run(
        recipe,
        unlearning.schedule_of(unlearning.method),
        Examples.from_columns(retain["input_ids"], retain["labels"], retain["topic"]),
        forget_examples(forget, reference, recipe, unlearning.method),
        unlearning.seed,
        parameters.training,
        unlearning.stopping,
        further=further_examples(further, recipe) | measured_examples(evaluation_tokens, recipe),
    )
    if refused := recipe.gradient.too_short(run.total_steps):
        raise BadInputError(refused)
    return run
