"""The same method once per seed."""

from blur_pipeline.pipelines.seeds.pipeline import create_pipeline

__all__ = ["create_pipeline"]
