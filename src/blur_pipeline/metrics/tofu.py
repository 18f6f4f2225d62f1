"""TOFU's metrics (Maini et al., arXiv 2401.06121) per example, from token scores and completions.

ℓ̄ is the mean negative log-likelihood of an answer's tokens, end-of-sequence included (open-unlearning's convention).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

EPSILON = 1e-10
OPTION_SETS = ("real_authors", "world_facts")
"""Sets whose probability is taken against the given wrong options and whose truth ratio has no paraphrase."""


def tofu_metrics(scores: pd.DataFrame) -> pd.DataFrame:
    """Indexed by ``set, row_id``; what an example cannot have is NaN.

    ``nll``          ℓ̄ of the answer, nats per token.
    ``probability``  exp(−ℓ̄); in the option sets p / (p + Σ p_wrong + 1e-10).
    ``truth_ratio``  exp(−mean_k ℓ̄(perturbed_k)) / (exp(−ℓ̄(paraphrase)) + 1e-10).
    ``truth_score``  what TOFU averages: the first of the following on forget, the second elsewhere.
    ``truth_closer_to_1`` min(TR, 1/(TR + 1e-10)); ``truth_true_better`` max(0, 1 − TR);
    ``truth_probability`` right / (right + wrong + 1e-10), the two parts of TR.
    """
    scores = scores.assign(nll=[-float(np.mean(lp)) if len(lp) else np.nan for lp in scores["logprob"]])
    nll = scores.pivot(index=["set", "row_id"], columns="variant", values="nll")
    wrong = nll[[c for c in nll.columns if c.startswith("perturbed_")]]
    frame = pd.DataFrame({"nll": nll["answer"]})
    sets = frame.index.get_level_values("set")
    options = sets.isin(OPTION_SETS)
    plain = np.exp(-nll["answer"])
    against = plain / (plain + np.exp(-wrong).sum(axis=1) + EPSILON)
    # An option set without options has no such probability; a sum over nothing would make it 1.
    frame["probability"] = np.where(options, against.where(wrong.notna().any(axis=1)), plain)
    paraphrase = nll["paraphrase"] if "paraphrase" in nll else pd.Series(np.nan, index=nll.index)
    right = np.exp(-pd.Series(np.where(options, nll["answer"], paraphrase), index=nll.index))
    false = np.exp(-wrong.mean(axis=1))
    ratio = false / (right + EPSILON)
    frame["truth_ratio"] = ratio
    frame["truth_closer_to_1"] = np.minimum(ratio, 1 / (ratio + EPSILON))
    frame["truth_true_better"] = np.maximum(0, 1 - ratio)
    frame["truth_probability"] = right / (right + false + EPSILON)
    frame["truth_score"] = frame["truth_closer_to_1"].where(sets == "forget", frame["truth_true_better"])
    return frame


def forget_quality(truth_ratio: np.ndarray, retrained_truth_ratio: np.ndarray) -> tuple[float, float]:
    """Statistic D and p-value of the two-sample Kolmogorov–Smirnov test between the truth ratios of the forget set.

    TOFU reports the p-value: small where something tells the two models apart. A large one proves nothing.
    """
    from scipy.stats import ks_2samp

    found = ks_2samp(truth_ratio, retrained_truth_ratio)
    return float(found.statistic), float(found.pvalue)


def harmonic_mean(values: np.ndarray) -> np.ndarray:
    """Over the first axis; 0 where any value is 0, NaN where any is NaN. (1, ½) gives 2/3."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return len(values) / (1 / values).sum(axis=0)
