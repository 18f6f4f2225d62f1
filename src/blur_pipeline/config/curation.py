"""Parameters ``curation``: from raw rows to tokenised sets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from blur_pipeline.config.block import Block, switched
from blur_pipeline.config.sources import EvaluationSet
from blur_pipeline.corpus.chat import ChatPrompt
from blur_pipeline.corpus.cleaning import Normalisation
from blur_pipeline.corpus.lengths import TooLong
from blur_pipeline.corpus.overlap import Policy
from blur_pipeline.corpus.prompts import PlainPrompt, Prompt
from blur_pipeline.corpus.refusals import Refusals
from blur_pipeline.corpus.variants import Masked, Rewritten, Variant

SomePrompt = Annotated[Prompt, switched(PlainPrompt, ChatPrompt)]


class Overlap(Block):
    """What to do about rows of the forget set in retain or background, and of the holdout in any of the three.

    What is dropped is the retain or background row, which would keep what is to be forgotten, and the holdout row,
    which was to be seen by no model.
    """

    policy: Policy = Field("error", description="refuse to run, drop the retain and holdout rows, or only report them")
    threshold: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Jaccard similarity of the words of a near-duplicate, or share of a document that another holds",
    )


class CoreSet(Block):
    """So many of the forget set's sequences: drawn, or those with the longest gradients of the target's loss."""

    kind: Literal["random", "gradient_norm"] = "random"
    share: float = Field(gt=0, le=1, description="of the sequences, rounded up")


class Curation(Block):
    """From raw rows to tokenised sets."""

    seed: int = Field(0, ge=0, lt=2**32, description="of generated sets and of what is drawn; default: seed")
    unicode: Normalisation = Field("NFC", description="normal form of all text")
    max_length: int = Field(512, gt=8, le=2**20, description="tokens of a sequence, and of a document's blocks")
    too_long: TooLong = Field("drop", description="questions over it; of the forget set they are refused either way")
    prompt: SomePrompt = Field(
        PlainPrompt(), description="how a question is put to a model, in training and evaluation alike"
    )
    set_prompts: dict[EvaluationSet, SomePrompt] = Field(
        default_factory=dict, description="evaluation sets that are asked in another way"
    )
    holdout_fraction: float = Field(0.0, ge=0, lt=1, description="share of the retain set, if no holdout is given")
    evaluation_rows: int | None = Field(None, gt=0, description="rows of each set to evaluate; default: all")
    evaluation_blocks: int | None = Field(
        None, gt=0, description="blocks of each document to evaluate, spread evenly from its first on; default: all"
    )
    overlap: Overlap = Overlap()
    refusals: Refusals = Refusals()
    forget_variant: Annotated[Variant | None, switched(Masked, Rewritten)] = Field(
        None, description="what of the forget set unlearning sees in place of its text"
    )
    core_set: CoreSet | None = Field(None, description="a part of the forget set, which alone is unlearned")
