"""From raw rows to clean, separate, tokenised forget, retain, holdout and evaluation sets."""

from blur_pipeline.pipelines.curation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
