"""The pipelines by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from blur_pipeline.pipelines import curation, evaluation, reporting, target, unlearning
from blur_pipeline.pipelines.evaluation.pipeline import create_pipeline as evaluation_of


def register_pipelines() -> dict[str, Pipeline]:
    """``__default__`` is the whole protocol; ``method`` forgets again from the same target model.

    ``kedro run`` once, then ``kedro run --pipelines method --params method=npo`` for each further method.
    """
    parts = {
        "curation": curation.create_pipeline(),
        "target": target.create_pipeline(),
        "unlearning": unlearning.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    again = parts["unlearning"] + evaluation_of(("unlearned",)) + parts["reporting"]
    return {**parts, "method": again, "__default__": sum(parts.values(), Pipeline([]))}
