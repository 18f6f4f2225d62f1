"""Which method for this model and data."""

from blur_pipeline.pipelines.campaign.pipeline import create_pipeline

__all__ = ["create_pipeline"]
