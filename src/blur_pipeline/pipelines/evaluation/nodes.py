"""Nodes of the evaluation: score once, then measure without the model."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.metrics.aggregate import METRIC_COLUMNS, aggregate
from blur_pipeline.metrics.tofu import example_metrics
from blur_pipeline.parameters import Evaluation, Models

Frame = pd.DataFrame


def score(model: Any, evaluation_tokens: Any, evaluation: Evaluation, device: str) -> Frame:
    """Token scores of every answer of every set; empty for an absent model."""
    from blur_pipeline.scoring.token_scores import SCORE_COLUMNS, score_tokens
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.examples import Examples
    from blur_pipeline.training.models import AbsentModel

    if isinstance(model, AbsentModel):
        return pd.DataFrame(columns=SCORE_COLUMNS)
    examples = Examples.from_columns(evaluation_tokens["input_ids"], evaluation_tokens["labels"])
    scores = score_tokens(model.to(resolve_device(device)), examples, evaluation.tokens_per_batch, "Scoring")
    names = evaluation_tokens.select_columns(["set", "row_id", "variant", "text"]).to_pandas()
    return pd.concat([names, scores], axis=1)


def answer(
    model: Any,
    tokenizer: Any,
    evaluation_tokens: Any,
    evaluation_set: Frame,
    evaluation: Evaluation,
    device: str,
) -> Frame:
    """Greedy completion of every evaluation question; empty for an absent model."""
    from blur_pipeline.scoring.completions import COMPLETION_COLUMNS, complete
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.examples import IGNORED
    from blur_pipeline.training.models import AbsentModel

    if isinstance(model, AbsentModel):
        return pd.DataFrame(columns=COMPLETION_COLUMNS)
    asked = evaluation_set[evaluation_set["question"].notna()]
    rows = evaluation_tokens.to_pandas().query("variant == 'answer'").set_index(["set", "row_id"])
    rows = rows.loc[list(asked[["set", "row_id"]].itertuples(index=False, name=None))]
    prompts = [ids[labels == IGNORED] for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True)]
    texts = complete(
        model.to(resolve_device(device)),
        tokenizer,
        prompts,
        evaluation.max_new_tokens,
        evaluation.generation_batch,
        "Answering",
    )
    return asked[COMPLETION_COLUMNS[:-1]].assign(completion=texts).reset_index(drop=True)


def measure(scores: Frame, completions: Frame) -> Frame:
    """Every metric of every example."""
    return example_metrics(scores, completions)


def summarise(examples: Frame, retrained_examples: Frame, models: Models, evaluation: Evaluation, seed: int) -> Frame:
    """Aggregates with intervals; forget quality against the retrained model."""
    if examples.empty:
        return pd.DataFrame(columns=METRIC_COLUMNS)
    reason = getattr(models.retrained, "reason", "")
    return aggregate(examples, retrained_examples, reason, evaluation.bootstrap_samples, seed)
