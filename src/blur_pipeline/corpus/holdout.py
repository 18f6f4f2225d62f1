"""A holdout set: like the forget set, never trained on."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd


def split_holdout(retain: pd.DataFrame, fraction: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take a share of the retain set out of training, whole subjects where rows name one.

    Returns (retain, holdout); a subject's rows never stand on both sides.
    """
    subject = retain["subject"].fillna(retain["row_id"])
    names = np.array(sorted(subject.unique()), dtype=object)
    count = math.floor(len(names) * fraction)
    chosen = np.random.default_rng(seed).choice(names, count, replace=False)
    held = subject.isin(chosen)
    return retain[~held].reset_index(drop=True), retain[held].reset_index(drop=True)
