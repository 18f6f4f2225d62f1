"""What two equal distributions over trainings would give: the same models with some of them on the other side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

EXCHANGES = 100


def exchanged(unlearned: np.ndarray, retrained: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Both sides, ``(k, n)`` of k models each, with the two models of half of the seeds exchanged, ``EXCHANGES`` times.

    Were there no difference, a seed's two models could change places and nothing would be another: so this is the level
    of whatever is measured between two sides of k models. A seed's two models share where they began and the order of
    their batches, and are therefore exchanged with each other and not with any. Half of them: neither the sides as
    they are nor the sides themselves exchanged are among the draws.
    """
    k, rng = len(unlearned), np.random.default_rng(seed)
    for _ in range(EXCHANGES):
        moved = np.isin(np.arange(k), rng.choice(k, k // 2, replace=False))[:, None]
        yield np.where(moved, retrained, unlearned), np.where(moved, unlearned, retrained)
