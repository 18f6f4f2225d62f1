"""Unlearned and retrained models as distributions over trainings."""

from blur_pipeline.pipelines.shadows.pipeline import create_pipeline

__all__ = ["create_pipeline"]
