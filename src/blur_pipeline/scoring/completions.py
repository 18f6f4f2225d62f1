"""Greedy answers of a model to the evaluation questions, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from blur_pipeline.models.greedy import own_settings_only
from blur_pipeline.models.progress import ProgressBar
from blur_pipeline.scoring.kept import Kept

COMPLETION_COLUMNS = ["set", "row_id", "question", "answer", "completion"]


BATCHES_IN_A_PART = 4


def complete(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    batch_size: int,
    title: str,
    keep: str | None = None,
    stops: Sequence[int] = (),
) -> list[str]:
    """One decoded continuation per prompt of token ids, in their order: greedy, special tokens left out.

    The plain arg-max of each step, whatever the model's ``generation_config`` says.
    Prompts are padded on the left, so that a prompt's answer does not depend on its neighbours. With ``keep``, a
    folder, answers are kept there: what this model has been asked is not asked again. ``stops``: as ``continued``.
    """
    model.eval()
    greedy = {"max_new_tokens": max_new_tokens, "do_sample": False}
    kept = Kept.of(keep, model, ("completions", max_new_tokens, batch_size, *stops))
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers = [""] * len(prompts)
    with ProgressBar(title, len(prompts), start=0) as bar:
        for start in range(0, len(order), batch_size * BATCHES_IN_A_PART):
            members = order[start : start + batch_size * BATCHES_IN_A_PART]
            asked = [np.asarray(prompts[i]) for i in members]
            found = kept.load(asked, ["completion"])
            if found is None:
                texts = []
                for first in range(0, len(asked), batch_size):
                    texts += continued(model, tokenizer, asked[first : first + batch_size], greedy, stops)
                    bar({"step": start + len(texts) - 1})
                found = pd.DataFrame({"completion": texts})
                kept.save(asked, found)
            for i, text in zip(members, found["completion"], strict=True):
                answers[i] = text
    return answers


@torch.inference_mode()
def continued(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[np.ndarray],
    how: Mapping[str, int | float | bool],
    stops: Sequence[int] = (),
) -> list[str]:
    """Decoded continuations, prompt after prompt, special tokens left out; ``how`` as transformers' ``generate``.

    Each ends at the first of the tokens ``stops``, as a prompt says them (corpus/prompts.py); default: end-of-sequence.
    """
    stops = list(stops) or [tokenizer.eos_token_id]
    device = next(model.parameters()).device
    width = max(map(len, prompts))
    ids = np.full((len(prompts), width), tokenizer.pad_token_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for b, prompt in enumerate(prompts):
        ids[b, width - len(prompt) :] = prompt
        mask[b, width - len(prompt) :] = 1
    with own_settings_only(model):
        generated = model.generate(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=torch.from_numpy(mask).to(device),
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=stops,
            **how,
        )
    said = generated[:, width:]
    # What ends a turn need not be special to its tokenizer, and would be read as words.
    said = said.masked_fill(torch.isin(said, torch.tensor(stops, device=device)), tokenizer.eos_token_id)
    return [text.strip() for text in tokenizer.batch_decode(said, skip_special_tokens=True)]
