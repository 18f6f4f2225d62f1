"""Greedy answers of a model to the evaluation questions, in batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from blur_pipeline.training.progress import ProgressBar

COMPLETION_COLUMNS = ["set", "row_id", "question", "answer", "completion"]


@torch.inference_mode()
def complete(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    batch_size: int,
    title: str,
) -> list[str]:
    """One decoded continuation per prompt of token ids, in their order: greedy, special tokens left out.

    Prompts are padded on the left, so that a prompt's answer does not depend on its neighbours.
    """
    model.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers = [""] * len(prompts)
    starts = range(0, len(order), batch_size)
    with ProgressBar(title, len(starts)) as bar:
        for done, start in enumerate(starts):
            members = order[start : start + batch_size]
            width = max(len(prompts[i]) for i in members)
            ids = np.full((len(members), width), tokenizer.pad_token_id, dtype=np.int64)
            mask = np.zeros_like(ids)
            for b, i in enumerate(members):
                ids[b, width - len(prompts[i]) :] = prompts[i]
                mask[b, width - len(prompts[i]) :] = 1
            generated = model.generate(
                input_ids=torch.from_numpy(ids).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
            texts = tokenizer.batch_decode(generated[:, width:], skip_special_tokens=True)
            for i, text in zip(members, texts, strict=True):
                answers[i] = text.strip()
            bar({"step": done})
    return answers
