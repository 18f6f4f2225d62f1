"""Accuracies of lm-evaluation-harness tasks from their questions, with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.statistics.intervals import METRIC_COLUMNS, Resampler, present


def general_ability(answers: pd.DataFrame, resampler: Resampler) -> pd.DataFrame:
    """``general.TASK.METRIC``: the mean over all questions of a task (MMLU: over all subjects, each question once).

    ``answers`` has one row per question and metric: ``task, part, metric, value``.
    """
    rows = []
    for (task, metric), part in answers.groupby(["task", "metric"], sort=False):
        values = part["value"].to_numpy(np.float64)
        name = f"general.{task}.{metric}"
        rows.append(
            present(name, float(values.mean()), values[resampler.draw(len(values), task)].mean(axis=1), len(values))
        )
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)
