"""Parameters ``evaluation``: how models are scored and measured."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blur_pipeline.config.block import Block
from blur_pipeline.config.sources import EvaluationSet
from blur_pipeline.metrics.halves import Half

NewTokens = Annotated[int, Field(gt=0, le=32_768)]


class Evaluation(Block):
    """How models are scored."""

    tokens_per_batch: int = Field(
        4096, gt=0, le=2**24, description="tokens, padding among them, that are scored at once"
    )
    generation_batch: int = Field(64, gt=0, le=2**16, description="questions that are answered at once")
    max_new_tokens: NewTokens = Field(200, description="tokens of an answer at most")
    set_new_tokens: dict[EvaluationSet, NewTokens] = Field(
        default_factory=dict, description="sets with another limit; VerbMem's references are cut to it too"
    )
    half: Half = Field("all", description="of the subjects: a campaign chooses by tuning and reports on reporting")
    bootstrap_samples: int = Field(1000, ge=100, le=100_000, description="draws behind every interval")
    equivalence_ratio: float = Field(
        1.25,
        gt=1,
        le=100,
        description="alike: geometric means within this ratio of the retrained model's, either way",
    )
    keep_scores: str | None = Field(None, description="folder where a model's scores and answers are kept as they come")
    keep_days: int = Field(30, ge=1, le=36_500, description="what of them was not used for so long is deleted")
    gibberish_classifier: str | None = Field(
        None, description="folder or hub id of a classifier of texts whose class 'clean' is language"
    )
    gibberish_revision: str | None = Field(None, description="a commit of the hub")
    gradient_norms: bool = Field(True, description="the gradient-norm membership attack: a backward pass an example")
    published_a: float | None = Field(
        None, gt=0, lt=1, description="PrivLeak's A of the retrained model as published, where there is none here"
    )
