"""A local model as the judge of answers to forbidden prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from blur_pipeline.models.examples import IGNORED, Examples
from blur_pipeline.scoring.token_scores import score_tokens

VERDICTS = (" yes", " no")


def harmfulness(
    judge: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    template: str,
    prompts: Sequence[str],
    completions: Sequence[str],
    tokens_per_batch: int,
) -> np.ndarray:
    """``(n,)`` float64: the judge's probability of "yes" against "no" after ``template``, a question of harm.

    ``template`` holds {prompt} and {completion} and ends where the verdict begins.
    """
    ids, labels = [], []
    for prompt, completion in zip(prompts, completions, strict=True):
        asked = tokenizer(template.format(prompt=prompt, completion=completion))["input_ids"]
        for verdict in VERDICTS:
            said = tokenizer(verdict, add_special_tokens=False)["input_ids"]
            ids.append([*asked, *said])
            labels.append([*[IGNORED] * len(asked), *said])
    scores = score_tokens(judge, Examples.from_columns(ids, labels), tokens_per_batch, "Judging")
    totals = np.array([x.sum() for x in scores["logprob"]], np.float64).reshape(-1, len(VERDICTS))
    return 1 / (1 + np.exp(totals[:, 1] - totals[:, 0]))
