"""Aggregates over examples, each with a bootstrap interval or with the reason for its absence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.metrics.among_retrained import among_rows
from blur_pipeline.metrics.attacks import membership_rows
from blur_pipeline.metrics.likeness import likeness_rows
from blur_pipeline.metrics.tofu import harmonic_mean
from blur_pipeline.statistics.intervals import METRIC_COLUMNS, Estimate, Resampler, absent, mean

MEANS = {"probability": "probability", "rouge": "rouge", "truth_ratio": "truth_score"}
"""Name of a mean that utility is made of, and the per-example column it averages."""
FURTHER_MEANS = (
    "truth_closer_to_1",
    "truth_true_better",
    "truth_probability",
    "rouge_l_f1",
    "rouge_1",
    "rouge_1_f1",
    "exact_memorisation",
    "extraction_strength",
    "fact_probability",
    "distinct_words",
    "completion_nll",
    "clean",
)
"""Per-example columns averaged under their own name, over the examples that have them."""
MUSE_SETS = {"verbmem": "verbmem", "knowmem_forget": "knowmem.forget", "knowmem_retain": "knowmem.retain"}
"""Sets that MUSE measures by ROUGE-L F1 × 100 without a stemmer alone, and the name of that metric."""
UTILITY_SETS = ("retain", "real_authors", "world_facts")


def aggregate(
    examples: pd.DataFrame,
    others: dict[str, pd.DataFrame],
    reason: str,
    resampler: Resampler,
    ratio: float,
    published_auc: float | None = None,
) -> pd.DataFrame:
    """One row per aggregate: ``METRIC_COLUMNS``.

    ``set.probability``, ``set.rouge`` and ``set.truth_ratio`` of every set and ``model_utility`` (harmonic mean of
    the nine of retain, real authors and world facts); the ``FURTHER_MEANS`` of every set; ``verbmem``,
    ``knowmem.forget`` and ``knowmem.retain``; how like the retrained model it is (``likeness_rows``), or several of
    them (``among_rows``); the membership attacks. ``others`` are the examples of the ``retrained`` and the ``target``
    model, empty where there is none, for the ``reason`` that is given, and the values of ``further`` retrained models.
    ``ratio`` is the equivalence margin, ``published_auc`` the retrained model's Min-40% AUC where there is no such
    model here. An aggregate that cannot be had is NaN with its ``reason``.
    """
    means: dict[str, Estimate] = {}
    rows = []
    for set_name, part in examples.groupby("set", sort=False):
        of_set = _Set(str(set_name), part, resampler)
        if set_name in MUSE_SETS:
            rows.append(of_set.row(MUSE_SETS[set_name], 100 * part["rouge_l_f1_unstemmed"].to_numpy(np.float64)))
            continue
        for name, column in MEANS.items():
            metric = f"{set_name}.{name}"
            values = part[column].to_numpy(np.float64)
            rows.append(of_set.row(metric, values))
            if not np.isnan(values).any():
                means[metric] = of_set.mean(values)
        for name in FURTHER_MEANS:
            values = part[name].to_numpy(np.float64)
            if not np.isnan(values).all():
                rows.append(of_set.mean(values).row(f"{set_name}.{name}"))
    rows.append(_model_utility(means))
    retrained, target = others["retrained"], others["target"]
    rows += likeness_rows(examples, retrained, target, reason, ratio, resampler.seed)
    rows += among_rows(examples, retrained, others["further"], resampler)
    rows += membership_rows(examples, retrained, reason, published_auc, resampler)
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


class _Set:
    """The rows of one set, and how often the bootstrap draws each."""

    def __init__(self, name: str, part: pd.DataFrame, resampler: Resampler) -> None:
        self.name, self.subjects = name, part["subject"].to_numpy()
        self.weights = resampler.weights(self.subjects, name)

    def mean(self, values: np.ndarray) -> Estimate:
        return mean(values, self.subjects, self.weights)

    def row(self, metric: str, values: np.ndarray) -> dict:
        """Absent where a row lacks the value: TOFU's and MUSE's means are over whole sets."""
        if np.isnan(values).any():
            return absent(metric, f"some rows of {self.name} lack what {metric.rpartition('.')[2]} needs")
        return self.mean(values).row(metric)


def _model_utility(means: dict[str, Estimate]) -> dict:
    names = [f"{s}.{m}" for s in UTILITY_SETS for m in MEANS]
    lacking = [name for name in names if name not in means]
    if lacking:
        return absent("model_utility", f"it is a mean of nine and lacks {', '.join(lacking)}")
    nine = [means[name] for name in names]
    value = harmonic_mean(np.array([each.value for each in nine]))
    resampled = harmonic_mean(np.stack([each.resampled for each in nine]))
    rows = sum(means[f"{s}.probability"].n for s in UTILITY_SETS)
    return Estimate(float(value), resampled, rows, min(each.subjects for each in nine)).row("model_utility")
