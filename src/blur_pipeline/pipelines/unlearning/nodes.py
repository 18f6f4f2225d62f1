"""Nodes that make the target model forget."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.config.parameters import Parameters
from blur_pipeline.pipelines.training_run import run_training


def score_reference(target_model: Any, forget: Any, parameters: Parameters) -> pd.DataFrame:
    """log π_θ₀(y|x) of each forget sequence, in the precision of the training: ``row_id, logprob, tokens``."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.models.examples import IGNORED, Examples
    from blur_pipeline.training.reference_scores import score_sequences

    examples = Examples.from_columns(forget["input_ids"], forget["labels"])
    device = resolve_device(parameters.device)
    logprobs = score_sequences(target_model, examples, parameters.training, device, "Scoring the forget set")
    tokens = [int((labels[1:] != IGNORED).sum()) for labels in examples.labels]
    return pd.DataFrame({"row_id": forget["row_id"], "logprob": logprobs.astype(float), "tokens": tokens})


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
        Examples.from_columns(retain["input_ids"], retain["labels"], retain["topic"]),
        Examples.from_columns(forget["input_ids"], forget["labels"], forget["topic"]).with_reference(logprobs),
        unlearning.seed,
        parameters.training,
        unlearning.stopping,
    )
    folder = f"{parameters.checkpoint_folder}/{unlearning.method}"
    return run_training("Unlearning", target_model, run, parameters.device, folder)
