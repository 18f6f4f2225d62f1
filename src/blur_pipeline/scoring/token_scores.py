"""One pass of a model over tokenised sequences: everything that any metric needs of each supervised token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import nn

from blur_pipeline.models.examples import Batch, Examples, length_buckets
from blur_pipeline.models.forward import Forward
from blur_pipeline.models.memory import freed_memory_is_kept
from blur_pipeline.models.progress import ProgressBar
from blur_pipeline.scoring.kept import Kept
from blur_pipeline.scoring.questions import buckets, reads_trees, tree_batch, trees

SCORE_SCHEMA = pa.schema(
    {
        **dict.fromkeys(("set", "row_id", "variant", "text", "scored_text"), pa.string()),
        "ends": pa.bool_(),
        **dict.fromkeys(("fact_start", "fact_end"), pa.int32()),
        "token": pa.list_(pa.int32()),
        **dict.fromkeys(("logprob", "mean", "variance"), pa.list_(pa.float32())),
        "correct": pa.list_(pa.bool_()),
    }
)
ROW_COLUMNS, TOKEN_COLUMNS = SCORE_SCHEMA.names[:8], SCORE_SCHEMA.names[8:]
ROWS_AT_ONCE = 64  # so that a row of the vocabulary is still in the cache when it is looked at again


def score_tokens(model: nn.Module, examples: Examples, tokens_per_batch: int, title: str) -> pd.DataFrame:
    """One row per sequence, in the order of ``examples``; each cell is a list over its n supervised tokens.

    ``token`` int32 the label; ``logprob`` float32 its log-probability, nats; ``mean`` and ``variance`` float32
    of log p(z) over the vocabulary with z drawn from the model's own prediction p at that position, as
    Min-K%++ needs (Zhang et al., arXiv 2404.02936); ``correct`` whether the label was the arg-max.
    """
    with ProgressBar(title, len(examples), start=0) as bar:
        return _score(model, examples, tokens_per_batch, lambda done: bar({"step": done - 1}))


def score_windows(
    model: nn.Module, parts: Iterable[pd.DataFrame], total: int, tokens_per_batch: int, title: str, kept: Kept
) -> Iterator[pd.DataFrame]:
    """Each window of rows (``windows``) with its token scores, as ``SCORE_SCHEMA``; one window is held at a time.

    ``total`` sequences are expected, for the time left. What ``kept`` holds is not run again.
    """
    before = 0
    with ProgressBar(title, total, start=0) as bar:
        for part in parts:
            examples = Examples.from_columns(part["input_ids"], part["labels"])
            read = [*examples.input_ids, *examples.labels]
            scores = kept.load(read, TOKEN_COLUMNS)
            if scores is None:
                start = before  # bound now: the loop moves on
                scores = _score(model, examples, tokens_per_batch, lambda done, s=start: bar({"step": s + done - 1}))
                kept.save(read, scores)
            before += len(part)
            yield pd.concat([part[ROW_COLUMNS].reset_index(drop=True), scores], axis=1)


@torch.inference_mode()
def _score(model: nn.Module, examples: Examples, tokens_per_batch: int, told: Callable[[int], None]) -> pd.DataFrame:
    model.eval()
    device = next(model.parameters()).device
    parts, done = [pd.DataFrame(columns=TOKEN_COLUMNS)], 0
    with freed_memory_is_kept(device):
        for rows, batch in _batches(model, examples, tokens_per_batch):
            parts.append(_score_batch(model, rows, batch.to(device)))
            done += len(rows)
            told(done)
    return pd.concat(parts).sort_index()


def _batches(model: nn.Module, examples: Examples, tokens_per_batch: int) -> Iterator[tuple[list[int], Batch]]:
    """Rows and their batch: with each question read once where questions have several answers and the model can."""
    grown = trees(examples, tokens_per_batch)
    shared = max(grown, key=len, default=[])
    if len(shared) > 1 and reads_trees(model, examples, shared[:2]):
        for bucket in buckets(examples, grown, tokens_per_batch):
            yield [row for tree in bucket for row in tree], tree_batch(examples, bucket)
    else:
        for members in length_buckets(examples, tokens_per_batch):
            yield members, examples.batch(members)


def _score_batch(model: nn.Module, rows: list[int], batch: Batch) -> pd.DataFrame:
    logits = Forward(model, batch).supervised_logits()  # (N, V)
    pairs = zip(logits.split(ROWS_AT_ONCE), batch.targets.split(ROWS_AT_ONCE), strict=True)
    columns = [torch.cat(c).cpu().numpy() for c in zip(*(_statistics(*pair) for pair in pairs), strict=True)]
    ends = np.cumsum(np.bincount(batch.sequence.cpu().numpy(), minlength=len(rows)))[:-1]
    cells = zip(*(np.split(column, ends) for column in columns), strict=True)
    return pd.DataFrame([dict(zip(TOKEN_COLUMNS, cell, strict=True)) for cell in cells], index=rows)


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
