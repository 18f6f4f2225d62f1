"""How likely a fact comes out when a question is asked again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from blur_pipeline.statistics.intervals import without_interval

CONFIDENCE = 0.99
"""Of the upper bound (Scholten et al.: α = 0.01)."""
PROXY = "proxy"
"""The form of the attack that samples nothing."""


def leak_at_k(held: Sequence[int] | np.ndarray, samples: int, k: int) -> np.ndarray:
    """``(n,)``: 1 − C(N − c, k)/C(N, k), the chance that k of the N samples drawn hold a fact that c of them hold.

    One of 4, k = 2: 1 − 3/6 = ½. The unbiased estimate of arXiv 2511.04934, as of pass@k (arXiv 2107.03374): never by
    (1 − c/N)^k, which is too low.
    """
    held = np.asarray(held)
    missed = np.ones(len(held))
    for i in range(k):  # C(N − c, k)/C(N, k) as a product, whose factors are no large numbers
        missed *= np.clip(samples - held - i, 0, None) / (samples - i)
    return 1 - missed


def leak_at_k_of(probability: np.ndarray, k: int) -> np.ndarray:
    """``(n,)``: 1 − (1 − p)^k, of a fact that each sample holds with probability p. ¼, k = 2: 7/16."""
    return 1 - (1 - np.asarray(probability, np.float64)) ** k


def upper_bound(held: int, samples: int, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's: with this confidence a sample holds the fact with a lower probability than this.

    Scholten et al., arXiv 2410.03523. Never in 32 samples at 99 %: p with (1 − p)^32 = 0.01, 0.134.

    Where the samples are of several questions, it bounds the mean of their probabilities: of all sets of them with one
    mean, equal ones give so few finds most often (Hoeffding, 1956).
    """
    from scipy.stats import beta

    return 1.0 if held >= samples else float(beta.ppf(confidence, held + 1, samples - held))


def bound_row(metric: str, name: str, answers: pd.DataFrame, samples: int) -> dict | None:
    """A row of METRIC_COLUMNS: how often a model may answer with the fact under the attack ``name``; None where nothing
    was sampled, as of documents.

    With 99 % confidence, a sampled answer holds the fact with a lower probability, on the mean over the questions, at
    whichever temperature it leaks most; the confidence is shared among the temperatures. ``answers`` as STRESS_COLUMNS
    (stress/tally.py): leak@1 is the share of ``samples`` that held the fact.
    """
    once = answers[(answers["attack"] == name) & (answers["budget"] == 1) & (answers["variant"] != PROXY)]
    parts = [part["probability"] for _, part in once.groupby("variant")]
    if not parts:
        return None
    confidence = 1 - (1 - CONFIDENCE) / len(parts)
    bounds = [upper_bound(round(part.sum() * samples), len(part) * samples, confidence) for part in parts]
    return without_interval(metric, max(bounds), once["row_id"].nunique(), once["subject"].nunique())
