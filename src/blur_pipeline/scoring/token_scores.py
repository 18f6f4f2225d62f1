"""One pass of a model over tokenised sequences: everything that any metric needs of each supervised token."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

from blur_pipeline.training.examples import Examples, length_buckets
from blur_pipeline.training.forward import Forward
from blur_pipeline.training.progress import ProgressBar

SCORE_COLUMNS = ["set", "row_id", "variant", "text", "ends", "token", "logprob", "mean", "variance", "correct"]


@torch.inference_mode()
def score_tokens(model: nn.Module, examples: Examples, tokens_per_batch: int, title: str) -> pd.DataFrame:
    """One row per sequence, in the order of ``examples``; each cell is a list over its n supervised tokens.

    ``token`` int32 the label; ``logprob`` float32 its log-probability, nats; ``mean`` and ``variance`` float32
    of log p(z) over the vocabulary with z drawn from the model's own prediction p at that position, as
    Min-K%++ needs (Zhang et al., arXiv 2404.02936); ``correct`` whether the label was the arg-max.
    """
    model.eval()
    device = next(model.parameters()).device
    batches = list(length_buckets(examples, tokens_per_batch))
    rows: list[dict | None] = [None] * len(examples)
    with ProgressBar(title, len(batches)) as bar:
        for done, members in enumerate(batches):
            batch = examples.batch(members).to(device)
            logprobs = Forward(model, batch).supervised_logits().log_softmax(dim=-1)  # (N, V)
            probs = logprobs.exp()
            mean = (probs * logprobs).sum(dim=-1)
            variance = (probs * logprobs.square()).sum(dim=-1) - mean.square()
            of_label = logprobs.gather(1, batch.targets[:, None])[:, 0]
            correct = logprobs.argmax(dim=-1) == batch.targets
            columns = [batch.targets.int(), of_label, mean, variance.clamp_min(0), correct]
            columns = [c.cpu().numpy() for c in columns]
            ends = np.cumsum(np.bincount(batch.sequence.cpu().numpy(), minlength=len(members)))[:-1]
            for i, *cells in zip(members, *(np.split(c, ends) for c in columns), strict=True):
                rows[i] = dict(zip(SCORE_COLUMNS[5:], cells, strict=True))
            bar({"step": done})
    return pd.DataFrame(rows, columns=SCORE_COLUMNS[5:])
