"""Which values a metric can take: what an interval holds beyond them is no value."""

from __future__ import annotations

import math

SHARES = frozenset(
    {
        *("probability", "fact_probability", "truth_ratio", "truth_closer_to_1", "truth_true_better"),
        *("truth_probability", "rouge", "rouge_l_f1", "rouge_1", "rouge_1_f1", "exact_memorisation"),
        *("extraction_strength", "distinct_words", "clean", "model_utility", "refusal_rate", "safe_at_1", "acc"),
        *("acc_norm", "exact_match", "power", "d", "lira", "true_positives", "residual_knowledge", "residual_unshown"),
        *("upper_bound",),
    }
)
"""The last word of metrics from 0 to 1; those of a membership attack are too."""
PERCENT = ("verbmem", "knowmem.forget", "knowmem.retain")
CHANGES = ("privacy_leakage", "relative_difference")
"""In per cent of what was there: −100 where nothing is left of it."""
SIZES = ("distance", "completion_nll")
SQUARES = ("among_retrained.log_truth_ratio", "among_retrained.nll", "among_retrained.fact_nll")


def possible(metric: str) -> tuple[float, float]:
    """The least and the greatest value; infinite where there is no such."""
    last = metric.rpartition(".")[2]
    if metric in PERCENT:
        return 0.0, 100.0
    # The same of another model, of the models that lie farthest apart, of an answer that another filter found.
    of_another = metric.startswith("general.") and metric.count(".") > 2
    if last in ("retrained", "lowest", "highest") or of_another:
        return possible(metric.rpartition(".")[0])
    if metric.startswith("forensics."):  # areas under a curve, and how far two of them are apart
        return 0.0, 1.0
    if last in CHANGES:
        return -100.0, math.inf
    if metric.startswith("gap.") or last in SIZES or metric in SQUARES:
        return 0.0, math.inf
    if last in SHARES or last.endswith("_acc") or metric.startswith("membership."):
        return 0.0, 1.0
    return -math.inf, math.inf
