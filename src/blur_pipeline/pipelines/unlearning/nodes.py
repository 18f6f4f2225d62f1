"""Nodes that make the target model forget."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.parameters import Evaluation, Unlearning
from blur_pipeline.pipelines.training_run import run_training
from blur_pipeline.training.engine import Engine


def score_reference(target_model: Any, forget: Any, evaluation: Evaluation, device: str) -> pd.DataFrame:
    """log π_θ₀(y|x) of each forget sequence, scored once: ``row_id, logprob, tokens``."""
    from blur_pipeline.scoring.token_scores import score_tokens
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.examples import Examples

    examples = Examples.from_columns(forget["input_ids"], forget["labels"])
    model = target_model.to(resolve_device(device))
    scores = score_tokens(model, examples, evaluation.tokens_per_batch, "Scoring the forget set")
    return pd.DataFrame(
        {
            "row_id": forget["row_id"],
            "logprob": [float(x.sum()) for x in scores["logprob"]],
            "tokens": [len(x) for x in scores["logprob"]],
        }
    )


def unlearn(
    target_model: Any,
    forget: Any,
    retain: Any,
    reference: pd.DataFrame,
    unlearning: Unlearning,
    training: Engine,
    seed: int,
    device: str,
    folder: str,
) -> tuple[Any, pd.DataFrame]:
    """The unlearned model, and one row of scalars per step."""
    from blur_pipeline.training.examples import Examples
    from blur_pipeline.training.loop import Run

    logprobs = reference.set_index("row_id")["logprob"].loc[list(forget["row_id"])]
    run = Run(
        unlearning.recipe,
        unlearning.schedule_of(unlearning.method),
        Examples.from_columns(retain["input_ids"], retain["labels"]),
        Examples.from_columns(forget["input_ids"], forget["labels"], forget["topic"]).with_reference(logprobs),
        seed,
        training,
        unlearning.stopping,
    )
    return run_training("Unlearning", target_model, run, device, f"{folder}/{unlearning.method}")
