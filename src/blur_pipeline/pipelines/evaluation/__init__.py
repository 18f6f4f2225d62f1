"""Score each model once and measure."""

from blur_pipeline.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
