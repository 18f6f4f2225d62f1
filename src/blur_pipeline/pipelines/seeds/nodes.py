"""How much the seed of the unlearning decides."""

from __future__ import annotations

import pandas as pd

from blur_pipeline.statistics.seeds import over_seeds

Frame = pd.DataFrame


def collect_seeds(metrics_of_seeds: Frame) -> Frame:
    """``seed, metric, value, low, high`` of the unlearned model of every seed."""
    return metrics_of_seeds[["seed", "metric", "value", "low", "high"]]


def tabulate_seeds(seed_metrics: Frame) -> Frame:
    """Every metric's spread over the seeds, its noise over the examples, and the interval that holds both."""
    return over_seeds(seed_metrics)
