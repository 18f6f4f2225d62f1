"""Runs as MLflow gives them, made by hand."""

from __future__ import annotations

import math

import pandas as pd

from blur_pipeline.report.leaderboard import RUN_COLUMNS


def runs_of(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def run(
    method: str, seed: int, values: dict[str, float], settings: str = "", half: float = 0.05, **other: dict
) -> pd.DataFrame:
    """One run: ``values`` of its unlearned model, each ± ``half``; ``other`` has those of target and retrained."""
    rows = []
    for model, numbers in {"unlearned": values, **other}.items():
        for metric, value in numbers.items():
            about = (value - half, value + half) if metric != "forget_quality" else (math.nan, math.nan)
            labels = (f"{method}{settings}{seed}", method, settings, seed, method + settings, "target 1")
            rows.append((*labels, model, metric, value, *about))
    return pd.DataFrame(rows, columns=RUN_COLUMNS)
