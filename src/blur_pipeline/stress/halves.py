"""Which forget questions an attacker has, and which are left to ask."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np

from blur_pipeline.stress.choice import Asked

By = Literal["row", "subject"]
log = logging.getLogger(__name__)


def folds(asked: Asked, by: By, seed: int, wanted: int = 2) -> list[tuple[list[int], list[int]]]:
    """``wanted`` (1 or 2) pairs of rows to learn from and rows to ask: halves that change places.

    ``row`` deals out the rows of each subject, so that something of everybody is known to the attacker; ``subject``
    deals out whole subjects. Three rows of one subject and one of another: two and two, or three and one. One row, or
    one subject that is dealt out whole, has no halves: nothing is left to ask, or to learn from.
    """
    rng = np.random.default_rng([seed, 7])
    subjects = asked.table["subject"].to_numpy(object)
    names = list(dict.fromkeys(subjects))
    order = [names[i] for i in rng.permutation(len(names))]
    first: list[int] = []
    if by == "subject":
        first = [i for name in order[: (len(order) + 1) // 2] for i in np.flatnonzero(subjects == name)]
    else:
        dealt = [i for name in order for i in rng.permutation(np.flatnonzero(subjects == name))]
        first = dealt[::2]
    half = sorted(map(int, first))
    other = [i for i in range(len(asked)) if i not in set(half)]
    if not half or not other:
        log.warning("Stress: no halves by %s: two of them are needed", by)
        return []
    return [(half, other), (other, half)][:wanted]
