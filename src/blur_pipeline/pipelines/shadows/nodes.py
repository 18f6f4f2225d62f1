"""Whether unlearned models can be told from retrained ones, over many trainings of both."""

from __future__ import annotations

import pandas as pd

from blur_pipeline.config.parameters import Parameters
from blur_pipeline.metrics.margins import margins_of
from blur_pipeline.metrics.shadows import shadow_table
from blur_pipeline.metrics.subjects import KEYS, with_subjects
from blur_pipeline.statistics.intervals import Resampler

Frame = pd.DataFrame


def collect_margins(scores_of_unlearned_shadows: Frame, scores_of_retrained_shadows: Frame) -> Frame:
    """``set, row_id, seed, unlearned, retrained``: every row's margins under the two models of every seed."""
    return margins_of(scores_of_unlearned_shadows, scores_of_retrained_shadows)


def tabulate_shadows(shadow_margins: Frame, evaluation_set: Frame, parameters: Parameters) -> Frame:
    """KLoM and U-LiRA of the forget and the retain set, each beside what no difference would give."""
    resampler = Resampler(parameters.evaluation.bootstrap_samples, parameters.curation.seed)
    rows = with_subjects(shadow_margins[KEYS].drop_duplicates(), evaluation_set)
    return shadow_table(shadow_margins.merge(rows, on=KEYS), resampler)
