"""Membership inference: can forget examples be told from holdout examples by how a model scores them?

A score is higher for what looks *less* like a member. The AUC counts the forget set as class 0 and the holdout as
class 1, so that a memorising model has an AUC near 1, and ½ means that nothing can be told.

Which tokens count is open-unlearning's convention: loss, zlib and reference take the mean over every supervised token,
the end-of-sequence one included; Min-K%, Min-K%++ and the gradient norm leave out the last supervised token.
"""

from __future__ import annotations

import zlib

import numpy as np

MIN_K = 0.4
"""Share of tokens that Min-K% and Min-K%++ look at."""
ATTACKS = ("loss", "zlib", "reference", "min_k", "min_k_plus_plus", "gradient_norm")


def loss(logprobs: np.ndarray) -> float:
    """Mean negative log-likelihood, nats a token, end-of-sequence included (Yeom et al., arXiv 1709.01604)."""
    return -float(np.mean(logprobs)) if len(logprobs) else np.nan


def zlib_ratio(nll: float, text: str) -> float:
    """The loss, end-of-sequence included, over the bytes of the compressed text (Carlini et al., arXiv 2012.07805).

    ``text`` is what was scored: of a document that was cut, what was left of it.
    """
    return nll / len(zlib.compress(text.encode()))


def min_k(logprobs: np.ndarray, share: float = MIN_K) -> float:
    """−mean of the lowest max(1, int(share·n)) token log-probabilities (Shi et al., arXiv 2310.16789).

    ``(n,)`` without the last supervised token.
    −1, −4, −2 at 0.4 looks at one token: 4.
    """
    if not len(logprobs):
        return np.nan
    count = max(1, int(share * len(logprobs)))
    return -float(np.mean(np.sort(logprobs)[:count]))


def min_k_plus_plus(logprobs: np.ndarray, mean: np.ndarray, variance: np.ndarray, share: float = MIN_K) -> float:
    """Min-K% of (log p − μ)/√σ² (Zhang et al., arXiv 2404.02936), σ² clamped to 1e-6.

    ``(n,)`` each, without the last supervised token.
    μ and σ² are the mean and variance of log p(z) over the vocabulary, z drawn from the prediction itself.
    """
    standardised = (np.asarray(logprobs, np.float64) - mean) / np.sqrt(np.maximum(variance, 1e-6))
    return min_k(standardised, share)


def privacy_leakage(auc_min_k: np.ndarray | float, retrained_auc_min_k: np.ndarray | float) -> np.ndarray | float:
    """MUSE's PrivLeak (Shi et al., arXiv 2407.06460): 100·(A − A_retrained)/A_retrained with A = 1 − AUC of Min-40%.

    Near −100 for a memorising model, 0 is the goal: 0.9 against 0.5 gives −80.
    """
    ours, theirs = 1 - np.asarray(auc_min_k), 1 - np.asarray(retrained_auc_min_k)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100 * (ours - theirs) / theirs


def relative_difference(value: np.ndarray | float, retrained: np.ndarray | float) -> np.ndarray | float:
    """100·(AUC − AUC_retrained)/AUC_retrained: 0.9 against 0.5 gives 80."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100 * (np.asarray(value) - retrained) / np.asarray(retrained)
