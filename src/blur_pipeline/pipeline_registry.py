"""The pipelines by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from blur_pipeline.pipelines import (
    campaign,
    comparison,
    curation,
    evaluation,
    reporting,
    seeds,
    shadows,
    stress,
    target,
    unlearning,
)


def register_pipelines() -> dict[str, Pipeline]:
    """``__default__`` is the whole protocol, of which a run makes what is missing.

    ``kedro run``, then ``kedro run --params method=npo`` for each further method, then ``kedro run --pipelines
    comparison`` ranks them all. ``seeds`` does the protocol once per seed of the unlearning, ``shadows`` once per seed
    of the trainings as far as the scores, ``campaign`` with many settings of many methods.
    """
    parts = {
        "curation": curation.create_pipeline(),
        "target": target.create_pipeline(),
        "unlearning": unlearning.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "stress": stress.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    extra = {"seeds": seeds.create_pipeline(), "comparison": comparison.create_pipeline()}
    extra |= {"shadows": shadows.create_pipeline(), "campaign": campaign.create_pipeline()}
    return {**parts, **extra, "__default__": sum(parts.values(), Pipeline([]))}
