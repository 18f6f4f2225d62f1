"""Aggregates over examples, each with a bootstrap interval or with the reason for its absence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from blur_pipeline.metrics.tofu import forget_quality, harmonic_mean

MEANS = {"probability": "probability", "rouge": "rouge", "truth_ratio": "truth_score"}
"""Name of a mean, and the per-example column it averages."""
UTILITY_SETS = ("retain", "real_authors", "world_facts")
METRIC_COLUMNS = ["metric", "value", "low", "high", "n", "reason"]


@dataclass(frozen=True)
class Resampler:
    """A percentile bootstrap over the examples of each set (95 %)."""

    samples: int
    seed: int

    def draw(self, n: int, set_name: str) -> np.ndarray:
        """``(samples, n)`` indices, the same for every metric of a set, so that compound metrics stay paired."""
        return np.random.default_rng([self.seed, *set_name.encode()]).integers(0, n, (self.samples, n))

    @staticmethod
    def interval(values: np.ndarray) -> tuple[float, float]:
        """2.5 % and 97.5 % quantiles."""
        low, high = np.nanquantile(values, [0.025, 0.975])
        return float(low), float(high)


def aggregate(
    examples: pd.DataFrame, retrained: pd.DataFrame, retrained_reason: str, samples: int, seed: int
) -> pd.DataFrame:
    """One row per aggregate: ``metric, value, low, high, n, reason``.

    ``set.probability``, ``set.rouge`` and ``set.truth_ratio`` of every set, ``model_utility`` (harmonic mean of
    the nine of retain, real authors and world facts) and ``forget_quality`` against the retrained model.
    An aggregate that cannot be had is NaN with its ``reason``.
    """
    resampler = Resampler(samples, seed)
    means: dict[str, tuple[float, np.ndarray]] = {}
    rows = []
    for set_name, part in examples.groupby("set", sort=False):
        draws = resampler.draw(len(part), set_name)
        for name, column in MEANS.items():
            metric, values = f"{set_name}.{name}", part[column].to_numpy(np.float64)
            if np.isnan(values).any():
                rows.append(_absent(metric, f"some rows of {set_name} lack what {name} needs"))
                continue
            means[metric] = (float(values.mean()), values[draws].mean(axis=1))
            rows.append(_present(metric, *means[metric], len(values)))
    rows.append(_model_utility(means, len(examples)))
    rows.append(_forget_quality(examples, retrained, retrained_reason, resampler))
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


def _model_utility(means: dict[str, tuple[float, np.ndarray]], n: int) -> dict:
    names = [f"{s}.{m}" for s in UTILITY_SETS for m in MEANS]
    lacking = [name for name in names if name not in means]
    if lacking:
        return _absent("model_utility", f"it is a mean of nine and lacks {', '.join(lacking)}")
    value = harmonic_mean(np.array([means[name][0] for name in names]))
    resampled = harmonic_mean(np.stack([means[name][1] for name in names]))
    return _present("model_utility", float(value), resampled, n)


def _forget_quality(examples: pd.DataFrame, retrained: pd.DataFrame, reason: str, resampler: Resampler) -> dict:
    if retrained.empty:
        return _absent("forget_quality", reason or "no retrained model")
    ours, theirs = (_forget_truth_ratios(frame) for frame in (examples, retrained))
    if np.isnan(ours).any() or np.isnan(theirs).any() or not len(ours):
        return _absent("forget_quality", "the forget set has no paraphrased and perturbed answers")
    test: Callable[[np.ndarray, np.ndarray], float] = forget_quality
    left, right = resampler.draw(len(ours), "ours"), resampler.draw(len(theirs), "theirs")
    # A resampled p-value is smaller than the test's own (two draws of one sample differ): read the interval
    # as the reach of the value, not as centred on it. 200 draws suffice for its two ends.
    resampled = np.array([test(ours[a], theirs[b]) for a, b in zip(left[:200], right[:200], strict=True)])
    return _present("forget_quality", test(ours, theirs), resampled, len(ours))


def _forget_truth_ratios(examples: pd.DataFrame) -> np.ndarray:
    return examples.loc[examples["set"] == "forget", "truth_ratio"].to_numpy(np.float64)


def _present(metric: str, value: float, resampled: np.ndarray, n: int) -> dict:
    low, high = Resampler.interval(resampled)
    return {"metric": metric, "value": value, "low": low, "high": high, "n": n, "reason": ""}


def _absent(metric: str, reason: str) -> dict:
    return {"metric": metric, "value": np.nan, "low": np.nan, "high": np.nan, "n": 0, "reason": reason}
