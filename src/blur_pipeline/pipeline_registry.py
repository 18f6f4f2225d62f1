"""The pipelines by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from blur_pipeline.pipelines import comparison, curation, evaluation, reporting, seeds, target, unlearning
from blur_pipeline.pipelines.evaluation.pipeline import create_pipeline as evaluation_of


def register_pipelines() -> dict[str, Pipeline]:
    """``__default__`` is the whole protocol; ``method`` forgets again from the same target model.

    ``kedro run`` once, then ``kedro run --pipelines method --params method=npo`` for each further method, then
    ``kedro run --pipelines comparison`` ranks them all. ``seeds`` forgets once per seed.
    """
    parts = {
        "curation": curation.create_pipeline(),
        "target": target.create_pipeline(),
        "unlearning": unlearning.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    again = parts["unlearning"] + evaluation_of(("unlearned",)) + parts["reporting"]
    extra = {"method": again, "seeds": seeds.create_pipeline(), "comparison": comparison.create_pipeline()}
    return {**parts, **extra, "__default__": sum(parts.values(), Pipeline([]))}
