"""One pass of a model over tokenised sequences: everything that any metric needs of each supervised token."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from blur_pipeline.scoring.kept_scores import KeptScores
from blur_pipeline.training.examples import Examples, length_buckets
from blur_pipeline.training.forward import Forward
from blur_pipeline.training.progress import ProgressBar

SCORE_COLUMNS = ["set", "row_id", "variant", "text", "ends", "token", "logprob", "mean", "variance", "correct"]


BATCHES_IN_A_PART = 16


@torch.inference_mode()
def score_tokens(
    model: nn.Module, examples: Examples, tokens_per_batch: int, title: str, keep: Path | None = None
) -> pd.DataFrame:
    """One row per sequence, in the order of ``examples``; each cell is a list over its n supervised tokens.

    ``token`` int32 the label; ``logprob`` float32 its log-probability, nats; ``mean`` and ``variance`` float32
    of log p(z) over the vocabulary with z drawn from the model's own prediction p at that position, as
    Min-K%++ needs (Zhang et al., arXiv 2404.02936); ``correct`` whether the label was the arg-max.
    With ``keep``, a folder, parts are kept there: what this model has scored of these examples is not run again.
    """
    model.eval()
    batches = list(length_buckets(examples, tokens_per_batch))
    kept = KeptScores.of(keep, model, examples, tokens_per_batch) if keep else None
    parts = kept.parts() if kept else {}
    with ProgressBar(title, len(batches)) as bar:
        for first in range(0, len(batches), BATCHES_IN_A_PART):
            if first not in parts:
                part = batches[first : first + BATCHES_IN_A_PART]
                parts[first] = pd.concat([_score_batch(model, examples, b, bar, first + i) for i, b in enumerate(part)])
                if kept:
                    kept.add(first, parts[first])
    if not parts:
        return pd.DataFrame(columns=SCORE_COLUMNS[5:])
    return pd.concat(parts.values()).sort_index()[SCORE_COLUMNS[5:]]


def _score_batch(
    model: nn.Module, examples: Examples, members: list[int], bar: ProgressBar, number: int
) -> pd.DataFrame:
    batch = examples.batch(members).to(next(model.parameters()).device)
    logprobs = Forward(model, batch).supervised_logits().log_softmax(dim=-1)  # (N, V)
    probs = logprobs.exp()
    mean = (probs * logprobs).sum(dim=-1)
    variance = (probs * logprobs.square()).sum(dim=-1) - mean.square()
    of_label = logprobs.gather(1, batch.targets[:, None])[:, 0]
    correct = logprobs.argmax(dim=-1) == batch.targets
    columns = [batch.targets.int(), of_label, mean, variance.clamp_min(0), correct]
    columns = [c.cpu().numpy() for c in columns]
    ends = np.cumsum(np.bincount(batch.sequence.cpu().numpy(), minlength=len(members)))[:-1]
    rows = [
        dict(zip(SCORE_COLUMNS[5:], cells, strict=True))
        for cells in zip(*(np.split(c, ends) for c in columns), strict=True)
    ]
    bar({"step": number})
    return pd.DataFrame(rows, index=members)
