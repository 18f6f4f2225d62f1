"""The report that someone else can check."""

from blur_pipeline.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
