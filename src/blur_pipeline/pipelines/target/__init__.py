"""How the target model and the retrained model come to be."""

from blur_pipeline.pipelines.target.pipeline import create_pipeline

__all__ = ["create_pipeline"]
