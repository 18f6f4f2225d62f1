"""KLoM: how far the margins of unlearned models lie from those of retrained ones, as distributions over trainings.

Georgiev et al., arXiv 2410.23232: for each row the KL divergence between two histograms.
"""

from __future__ import annotations

import numpy as np

from blur_pipeline.metrics.exchanges import exchanged

BINS = 20
FLOOR = 1e-5
"""Of a bin's share: an empty bin would make the divergence infinite."""


def klom(unlearned: np.ndarray, retrained: np.ndarray) -> np.ndarray:
    """``(n,)`` nats: KL(unlearned ‖ retrained) of each row's margins, both ``(k, n)``: k models, n rows.

    ``BINS`` bins over the range of both sides' margins of the row; a bin's share is max(count/k, ``FLOOR``), not
    normalised again. Alike gives 0. Where all unlearned models are in one bin and all retrained ones in another, the
    first adds 1·log(1/ε), the second ε·log(ε/1), and the rest, at the floor on both sides, nothing:
    (1 − ε)·log(1/ε) = 11.51281 for ε = 1e-5, the most that a row can have.
    """
    return _divergence(*np.split(_bins(np.concatenate([unlearned, retrained])), 2))


def no_difference(unlearned: np.ndarray, retrained: np.ndarray, seed: int) -> np.ndarray:
    """``(EXCHANGES, n)``: the same, in the same bins, of exchanged sides.

    Of k models a histogram is noisy, so that equal distributions are not at 0 either.
    """
    bins = np.split(_bins(np.concatenate([unlearned, retrained])), 2)
    return np.array([_divergence(*sides) for sides in exchanged(*bins, seed)])


def _bins(margins: np.ndarray) -> np.ndarray:
    """The bin of each margin ``(m, n)``, 0 to ``BINS`` − 1; each of the n rows has a range of its own."""
    low, high = margins.min(axis=0), margins.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return np.minimum(((margins - low) / width * BINS).astype(int), BINS - 1)


def _divergence(unlearned: np.ndarray, retrained: np.ndarray) -> np.ndarray:
    p, q = _shares(unlearned), _shares(retrained)
    return (p * np.log(p / q)).sum(axis=1)


def _shares(bins: np.ndarray) -> np.ndarray:
    """``(n, BINS)`` of ``(k, n)``."""
    k, n = bins.shape
    counts = np.bincount((bins + BINS * np.arange(n)).ravel(), minlength=BINS * n)
    return np.maximum(counts.reshape(n, BINS) / k, FLOOR)
