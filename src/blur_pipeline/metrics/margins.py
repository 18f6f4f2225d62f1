"""How sure a model is of an answer, on a scale without ends: in it two distributions over trainings are compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.metrics import membership

KEYS = ["set", "row_id"]
BOUND = 100.0
"""Nats, to either side; KLoM's authors clip there too."""


def margin(nll: np.ndarray) -> np.ndarray:
    """``(n,)``: φ = log p − log(1 − p) in nats, p = e^−nll, clipped to ±``BOUND``; NaN stays NaN.

    ``nll`` ``(n,)`` is the mean token NLL of an answer in nats, so that p is its length-normalised probability. Of a
    classifier's class y this is logit(y) − logsumexp(other logits), the margin of KLoM (arXiv 2410.23232).
    p = ½ gives 0, p = 4/5 gives log 4.
    """
    nll = np.maximum(np.asarray(nll, np.float64), 0.0)
    with np.errstate(divide="ignore"):  # p = 1 has no other end
        return np.clip(-nll - np.log(-np.expm1(-nll)), -BOUND, BOUND)


def margins_of(unlearned: pd.DataFrame, retrained: pd.DataFrame) -> pd.DataFrame:
    """``set, row_id, seed, unlearned, retrained``: the margins of every row under the two models of every seed.

    Both tables hold ``set, row_id, seed, logprob``; ``logprob`` a list over an answer's tokens, the end-of-sequence
    one included, as probability counts them.
    """
    sides = {"unlearned": unlearned, "retrained": retrained}
    columns = {name: _margins(table) for name, table in sides.items()}
    return pd.DataFrame(columns).reset_index()


def _margins(table: pd.DataFrame) -> pd.Series:
    losses = [membership.loss(np.asarray(logprobs, np.float64)) for logprobs in table["logprob"]]
    return pd.Series(margin(np.array(losses)), index=pd.MultiIndex.from_frame(table[[*KEYS, "seed"]]))
