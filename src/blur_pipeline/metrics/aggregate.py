"""Aggregates over examples, each with a bootstrap interval or with the reason for its absence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from blur_pipeline.metrics.attacks import membership_rows
from blur_pipeline.metrics.tofu import forget_quality, harmonic_mean
from blur_pipeline.statistics.intervals import METRIC_COLUMNS, Resampler, absent, present

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
    retrained: pd.DataFrame,
    retrained_reason: str,
    samples: int,
    seed: int,
    published_auc: float | None = None,
) -> pd.DataFrame:
    """One row per aggregate: ``metric, value, low, high, n, reason``.

    ``set.probability``, ``set.rouge`` and ``set.truth_ratio`` of every set, ``model_utility`` (harmonic mean of
    the nine of retain, real authors and world facts) and ``forget_quality`` against the retrained model; the
    ``FURTHER_MEANS`` of every set; ``verbmem``, ``knowmem.forget`` and ``knowmem.retain``; the membership attacks.
    ``published_auc`` is the retrained model's Min-40% AUC where there is no such model here. An aggregate that
    cannot be had is NaN with its ``reason``.
    """
    resampler = Resampler(samples, seed)
    means: dict[str, tuple[float, np.ndarray]] = {}
    rows = []
    for set_name, part in examples.groupby("set", sort=False):
        draws = resampler.draw(len(part), set_name)
        if set_name in MUSE_SETS:
            values = 100 * part["rouge_l_f1_unstemmed"].to_numpy(np.float64)
            rows.append(_mean(MUSE_SETS[set_name], values, draws, set_name)[0])
            continue
        for name, column in MEANS.items():
            metric = f"{set_name}.{name}"
            row, resampled = _mean(metric, part[column].to_numpy(np.float64), draws, set_name)
            rows.append(row)
            if resampled is not None:
                means[metric] = (row["value"], resampled)
        for name in FURTHER_MEANS:
            values = part[name].dropna().to_numpy(np.float64)
            if len(values):
                rows.append(_mean(f"{set_name}.{name}", values, resampler.draw(len(values), set_name), set_name)[0])
    rows.append(_model_utility(means, len(examples)))
    rows.append(_forget_quality(examples, retrained, retrained_reason, resampler))
    rows += membership_rows(examples, retrained, retrained_reason, published_auc, resampler)
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


def _mean(metric: str, values: np.ndarray, draws: np.ndarray, set_name: str) -> tuple[dict, np.ndarray | None]:
    if np.isnan(values).any():
        return absent(metric, f"some rows of {set_name} lack what {metric.rpartition('.')[2]} needs"), None
    resampled = values[draws].mean(axis=1)
    return present(metric, float(values.mean()), resampled, len(values)), resampled


def _model_utility(means: dict[str, tuple[float, np.ndarray]], n: int) -> dict:
    names = [f"{s}.{m}" for s in UTILITY_SETS for m in MEANS]
    lacking = [name for name in names if name not in means]
    if lacking:
        return absent("model_utility", f"it is a mean of nine and lacks {', '.join(lacking)}")
    value = harmonic_mean(np.array([means[name][0] for name in names]))
    resampled = harmonic_mean(np.stack([means[name][1] for name in names]))
    return present("model_utility", float(value), resampled, n)


def _forget_quality(examples: pd.DataFrame, retrained: pd.DataFrame, reason: str, resampler: Resampler) -> dict:
    if retrained.empty:
        return absent("forget_quality", reason or "no retrained model")
    ours, theirs = (_forget_truth_ratios(frame) for frame in (examples, retrained))
    if np.isnan(ours).any() or np.isnan(theirs).any() or not len(ours):
        return absent("forget_quality", "the forget set has no paraphrased and perturbed answers")
    test: Callable[[np.ndarray, np.ndarray], float] = forget_quality
    left, right = resampler.draw(len(ours), "ours"), resampler.draw(len(theirs), "theirs")
    # A resampled p-value is smaller than the test's own (two draws of one sample differ): read the interval
    # as the reach of the value, not as centred on it. 200 draws suffice for its two ends.
    resampled = np.array([test(ours[a], theirs[b]) for a, b in zip(left[:200], right[:200], strict=True)])
    return present("forget_quality", test(ours, theirs), resampled, len(ours))


def _forget_truth_ratios(examples: pd.DataFrame) -> np.ndarray:
    return examples.loc[examples["set"] == "forget", "truth_ratio"].to_numpy(np.float64)
