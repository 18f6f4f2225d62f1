"""What an innocent fine-tuning taught of its own lessons: one that taught nothing shows nothing by finding nothing."""

from __future__ import annotations

import pandas as pd

from blur_pipeline.statistics.intervals import METRIC_COLUMNS, without_interval


def lesson_rows(answers: pd.DataFrame) -> pd.DataFrame:
    """METRIC_COLUMNS: ``stress.NAME.lesson_gain`` of each attack that asks its own lessons.

    The mean probability of their answers after the attack less that before it, of the form that gained least: 0.3 → 0.7
    at one learning rate and 0.3 → 0.4 at another is 0.1. ``answers`` as STRESS_COLUMNS (stress/tally.py).
    """
    lessons, rows = answers[answers["of"] == "lesson"], []
    for name, asked in lessons.groupby("attack", sort=False):
        gains = []
        for _, part in asked.groupby("variant", sort=False):
            means = part.groupby("budget")["probability"].mean()
            gains.append(means[means.index.max()] - means[0.0])
        counts = asked["row_id"].nunique(), asked["subject"].nunique()
        rows.append(without_interval(f"stress.{name}.lesson_gain", float(min(gains)), *counts))
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)
