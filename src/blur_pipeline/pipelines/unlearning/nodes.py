"""Nodes that make the target model forget."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.config.parameters import Parameters
from blur_pipeline.pipelines.training_run import run_training

REFERENCE_TOKENS = 2048
"""Tokens of a batch while the reference is scored: a constant, since it decides the last digits of a training."""


def score_reference(target_model: Any, forget: Any, parameters: Parameters) -> pd.DataFrame:
    """log π_θ₀(y|x) of each forget sequence, scored once: ``row_id, logprob, tokens``."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.models.examples import Examples
    from blur_pipeline.scoring.token_scores import score_tokens

    examples = Examples.from_columns(forget["input_ids"], forget["labels"])
    model = target_model.to(resolve_device(parameters.device))
    scores = score_tokens(model, examples, REFERENCE_TOKENS, "Scoring the forget set")
    return pd.DataFrame(
        {
            "row_id": forget["row_id"],
            "logprob": [float(x.sum()) for x in scores["logprob"]],
            "tokens": [len(x) for x in scores["logprob"]],
        }
    )


def unlearn(
    target_model: Any, forget: Any, retain: Any, reference: pd.DataFrame, parameters: Parameters
) -> tuple[Any, pd.DataFrame]:
    """The unlearned model, and one row of scalars per step."""
    from blur_pipeline.models.examples import Examples
    from blur_pipeline.training.loop import Run

    unlearning = parameters.unlearning
    logprobs = reference.set_index("row_id")["logprob"].loc[list(forget["row_id"])]
    run = Run(
        unlearning.recipe,
        unlearning.schedule_of(unlearning.method),
        Examples.from_columns(retain["input_ids"], retain["labels"]),
        Examples.from_columns(forget["input_ids"], forget["labels"], forget["topic"]).with_reference(logprobs),
        unlearning.seed,
        parameters.training,
        unlearning.stopping,
    )
    folder = f"{parameters.checkpoint_folder}/{unlearning.method}"
    return run_training("Unlearning", target_model, run, parameters.device, folder)
