"""A value with its bootstrap interval, or with the reason for its absence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        """2.5 % and 97.5 % quantiles of the finite values: a resampled ratio may divide by zero."""
        finite = values[np.isfinite(values)]
        low, high = np.quantile(finite, [0.025, 0.975]) if len(finite) else (np.nan, np.nan)
        return float(low), float(high)


def present(metric: str, value: float, resampled: np.ndarray, n: int) -> dict:
    """A row of the metrics table; ``resampled`` are the bootstrap's values."""
    low, high = Resampler.interval(resampled)
    return {"metric": metric, "value": value, "low": low, "high": high, "n": n, "reason": ""}


def absent(metric: str, reason: str) -> dict:
    """A row of the metrics table for what cannot be had."""
    return {"metric": metric, "value": np.nan, "low": np.nan, "high": np.nan, "n": 0, "reason": reason}
