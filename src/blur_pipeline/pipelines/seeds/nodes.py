"""How much the seed of the unlearning decides."""

from __future__ import annotations

import pandas as pd

from blur_pipeline.statistics.seeds import over_seeds

Frame = pd.DataFrame


def collect_seeds(metrics_of_seeds: Frame, residual_of_seeds: Frame) -> Frame:
    """``seed, metric, value, low, high`` of the unlearned model of every seed, and of what attacks found in it."""
    parts = [part for part in (metrics_of_seeds, residual_of_seeds) if len(part)]
    return pd.concat(parts, ignore_index=True)[["seed", "metric", "value", "low", "high"]]


def tabulate_seeds(seed_metrics: Frame) -> Frame:
    """Every metric's spread over the seeds, its noise over the examples, and the interval that holds both."""
    return over_seeds(seed_metrics)
