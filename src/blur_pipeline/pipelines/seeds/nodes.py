"""How much the seed of the unlearning decides."""

from __future__ import annotations

import pandas as pd

from blur_pipeline.statistics.seeds import over_seeds

Frame = pd.DataFrame


def collect_seeds(metrics_of_seeds: Frame) -> Frame:
    """``seed, metric, value, low, high`` of the unlearned model of every seed."""
    return metrics_of_seeds[["seed", "metric", "value", "low", "high"]]


def tabulate_seeds(seed_metrics: Frame) -> Frame:
    """Mean, standard deviation and the mean's 95 % interval of every metric over the seeds."""
    return over_seeds(seed_metrics)
