"""Attack each model, and judge what is left of the forgotten."""

from blur_pipeline.pipelines.stress.pipeline import create_pipeline

__all__ = ["create_pipeline"]
