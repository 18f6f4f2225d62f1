"""Accuracies of lm-evaluation-harness tasks from their questions, with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.statistics.intervals import METRIC_COLUMNS, Resampler, mean


def general_ability(answers: pd.DataFrame, resampler: Resampler) -> pd.DataFrame:
    """``general.TASK.METRIC``: the mean over all questions of a task (MMLU: over all subjects, each question once).

    ``answers`` has one row per question and metric, ``task, part, question, metric, value``; of IFEval's instructions
    one each. Whole questions are resampled.
    """
    rows = []
    for (task, metric), part in answers.groupby(["task", "metric"], sort=False):
        values = part["value"].to_numpy(np.float64)
        questions = part.groupby(["part", "question"], sort=False).ngroup().to_numpy()
        rows.append(mean(values, questions, resampler.weights(questions, task)).row(f"general.{task}.{metric}"))
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)
