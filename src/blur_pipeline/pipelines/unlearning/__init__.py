"""Make the target model forget."""

from blur_pipeline.pipelines.unlearning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
