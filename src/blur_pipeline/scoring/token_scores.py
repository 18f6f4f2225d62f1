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
from blur_pipeline.training.memory import freed_memory_is_kept
from blur_pipeline.training.progress import ProgressBar

SCORE_COLUMNS = ["set", "row_id", "variant", "text", "ends", "token", "logprob", "mean", "variance", "correct"]


BATCHES_IN_A_PART = 16
ROWS_AT_ONCE = 64  # so that a row of the vocabulary is still in the cache when it is looked at again


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
    device = next(model.parameters()).device
    with ProgressBar(title, len(batches)) as bar, freed_memory_is_kept(device):
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
    logits = Forward(model, batch).supervised_logits()  # (N, V)
    pairs = zip(logits.split(ROWS_AT_ONCE), batch.targets.split(ROWS_AT_ONCE), strict=True)
    columns = [torch.cat(c).cpu().numpy() for c in zip(*(_statistics(*pair) for pair in pairs), strict=True)]
    ends = np.cumsum(np.bincount(batch.sequence.cpu().numpy(), minlength=len(members)))[:-1]
    rows = [
        dict(zip(SCORE_COLUMNS[5:], cells, strict=True))
        for cells in zip(*(np.split(c, ends) for c in columns), strict=True)
    ]
    bar({"step": number})
    return pd.DataFrame(rows, index=members)


def _statistics(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """``(n,)`` each: the label, its log-probability, the vocabulary's mean and variance, whether it was the arg-max."""
    logprobs = logits.log_softmax(dim=-1)  # (n, V)
    of_label = logprobs.gather(1, targets[:, None])[:, 0]
    correct = logprobs.argmax(dim=-1) == targets
    probs = logprobs.exp()
    mean = (probs * logprobs).sum(dim=-1)
    # Around the mean: the difference of two large squares would lose four of seven digits.
    variance = (probs * (logprobs - mean[:, None]).square_()).sum(dim=-1)
    return targets.int(), of_label, mean, variance, correct
