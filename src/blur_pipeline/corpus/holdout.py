"""A holdout set: like the forget set, never trained on."""

from __future__ import annotations

import hashlib
import logging
import math

import numpy as np
import pandas as pd

from blur_pipeline.statistics.intervals import FEWEST_SUBJECTS

log = logging.getLogger(__name__)


def split_holdout(
    retain: pd.DataFrame, fraction: float, seed: int, forgotten: frozenset[str] = frozenset()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take a share of the retain set out of training, whole subjects where rows name one.

    A share that is not 0 is at least one subject, where another is left. The ``forgotten`` subjects are none of them:
    a membership attack would then tell what is known of one person from what else is known of the same.

    Returns (retain, holdout); a subject's rows never stand on both sides.
    """
    subject = subjects_of(retain)
    names = np.array(sorted(subject.unique()), dtype=object)
    count = max(math.floor(len(names) * fraction), int(fraction > 0 and len(names) > 1))
    others = np.array([name for name in names if name not in forgotten], dtype=object)
    chosen = np.random.default_rng(seed).choice(others, min(count, len(others)), replace=False)
    held = subject.isin(chosen)
    return retain[~held].reset_index(drop=True), retain[held].reset_index(drop=True)


def subjects_of(rows: pd.DataFrame) -> pd.Series:
    """Whom each row is about; one that names nobody is a subject of its own, by its text and not by its place."""
    texts = (f"{question or ''}\n{answer}" for question, answer in zip(rows["question"], rows["answer"], strict=True))
    own = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    return rows["subject"].where(rows["subject"].notna(), pd.Series(own, index=rows.index, dtype=object))


def warn_of_few(holdout: pd.DataFrame) -> None:
    """Say so where a holdout that was split off has too few subjects for an interval."""
    subjects = subjects_of(holdout).nunique()
    if subjects < FEWEST_SUBJECTS:
        log.warning(
            "the holdout has %d subject(s), and %d give an interval: membership attacks give values alone; raise "
            "curation.holdout_fraction or give sources.holdout",
            subjects, FEWEST_SUBJECTS,
        )  # fmt: skip
