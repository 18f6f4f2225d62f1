"""TOFU's metrics (Maini et al., arXiv 2401.06121) per example, from token scores and completions.

ℓ̄ is the mean negative log-likelihood of an answer's tokens, end-of-sequence included.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.metrics.text import rouge_l_recall

EPSILON = 1e-10
OPTION_SETS = ("real_authors", "world_facts")
"""Sets whose probability is taken against the given wrong options and whose truth ratio has no paraphrase."""
EXAMPLE_COLUMNS = ["set", "row_id", "nll", "probability", "rouge", "truth_ratio", "truth_score"]


def example_metrics(scores: pd.DataFrame, completions: pd.DataFrame) -> pd.DataFrame:
    """One row per example of every set; a metric that an example cannot have is NaN.

    ``nll``          ℓ̄ of the answer, nats per token.
    ``probability``  exp(−ℓ̄); in the option sets p / (p + Σ p_wrong + 1e-10).
    ``rouge``        ROUGE-L recall of the greedy completion.
    ``truth_ratio``  exp(−mean_k ℓ̄(perturbed_k)) / (exp(−ℓ̄(paraphrase)) + 1e-10).
    ``truth_score``  what is averaged: min(TR, 1/(TR + 1e-10)) on forget, max(0, 1 − TR) elsewhere.
    """
    if scores.empty:
        return pd.DataFrame(columns=EXAMPLE_COLUMNS)
    scores = scores.assign(nll=[-float(np.mean(lp)) if len(lp) else np.nan for lp in scores["logprob"]])
    keys = ["set", "row_id"]
    nll = scores.pivot(index=keys, columns="variant", values="nll")
    wrong = nll[[c for c in nll.columns if c.startswith("perturbed_")]]
    frame = pd.DataFrame({"nll": nll["answer"]})
    options = frame.index.get_level_values("set").isin(OPTION_SETS)
    plain = np.exp(-nll["answer"])
    against = plain / (plain + np.exp(-wrong).sum(axis=1) + EPSILON)
    # An option set without options has no such probability; a sum over nothing would make it 1.
    frame["probability"] = np.where(options, against.where(wrong.notna().any(axis=1)), plain)
    paraphrase = nll["paraphrase"] if "paraphrase" in nll else pd.Series(np.nan, index=nll.index)
    right = np.exp(-pd.Series(np.where(options, nll["answer"], paraphrase), index=nll.index))
    frame["truth_ratio"] = np.exp(-wrong.mean(axis=1)) / (right + EPSILON)
    frame["truth_score"] = truth_score(frame["truth_ratio"], frame.index.get_level_values("set") == "forget")
    rouge = pd.Series(
        rouge_l_recall(completions["answer"], completions["completion"]),
        index=pd.MultiIndex.from_frame(completions[keys]),
    )
    frame["rouge"] = rouge.reindex(frame.index)
    return frame.reset_index()[EXAMPLE_COLUMNS]


def truth_score(truth_ratio: pd.Series, forget: np.ndarray) -> np.ndarray:
    """The part of TOFU's truth-ratio aggregates inside the mean: near 1 is best for either kind of set."""
    on_forget = np.minimum(truth_ratio, 1 / (truth_ratio + EPSILON))
    elsewhere = np.maximum(0, 1 - truth_ratio)
    return np.where(forget, on_forget, elsewhere)


def forget_quality(truth_ratio: np.ndarray, retrained_truth_ratio: np.ndarray) -> float:
    """p-value of the two-sample Kolmogorov–Smirnov test between per-question truth ratios on the forget set.

    1 means that nothing tells the unlearned model from the retrained one.
    """
    from scipy.stats import ks_2samp

    return float(ks_2samp(truth_ratio, retrained_truth_ratio).pvalue)


def harmonic_mean(values: np.ndarray) -> np.ndarray:
    """Over the first axis; 0 where any value is 0, NaN where any is NaN. (1, ½) gives 2/3."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return len(values) / (1 / values).sum(axis=0)
