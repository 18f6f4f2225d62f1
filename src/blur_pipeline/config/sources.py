"""Parameters ``sources``: where each set comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from blur_pipeline.config.block import Block, switched
from blur_pipeline.corpus.sources import FileSource, GeneratedSource, HubSource, MixedSource, Source

SomeSource = Annotated[Source, switched(FileSource, HubSource, GeneratedSource, MixedSource)]
EvaluationSet = Literal[
    "forget", "retain", "holdout", "real_authors", "world_facts", "verbmem", "knowmem_forget", "knowmem_retain"
]


class Sources(Block):
    """Where each set comes from; the holdout, the background and the evaluation sets may be left out.

    ``background`` is what every model knows beside the forget and retain set, for models trained from
    nothing. An evaluation set that is left out is taken from the training set of its name.
    """

    forget: SomeSource = Field(description="what is to be forgotten")
    retain: SomeSource = Field(description="what is to be kept, and what the retrained model is trained on")
    holdout: SomeSource | None = Field(
        None, description="what no model sees: membership attacks tell the forget set from it"
    )
    background: dict[str, SomeSource] | None = Field(
        None,
        description="what models trained from nothing know beside the forget and the retain set, by name",
    )
    evaluation: dict[EvaluationSet, SomeSource | None] = Field(
        default_factory=dict,
        description="what models are asked, by set; a set that is left out is taken from the training set of its name",
    )
    further: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], SomeSource | None] | None = Field(
        None, description="sets beside these that a method's losses name in 'on', by that name"
    )

    @field_validator("further")
    @classmethod
    def _another_name(cls, value: dict[str, Source | None] | None) -> dict[str, Source | None] | None:
        if taken := {"forget", "retain"} & (value or {}).keys():
            raise ValueError(f"'{min(taken)}' is the name of another set; give this one a name of its own")
        return value

    def of_training(self) -> dict[str, Source]:
        """What models learn from, and the holdout beside it, each by the name of its parameter."""
        named = {"forget": self.forget, "retain": self.retain, "holdout": self.holdout}
        named |= {f"background.{n}": s for n, s in (self.background or {}).items()}
        return {name: source for name, source in named.items() if source is not None}

    def of_evaluation(self) -> dict[str, Source]:
        """What models are asked, each by the name of its parameter."""
        return {f"evaluation.{n}": s for n, s in self.evaluation.items() if s is not None}

    def of_lessons(self) -> dict[str, Source]:
        """What unlearning alone learns from beside the forget and retain set, each by the name of its parameter."""
        return {f"further.{n}": s for n, s in (self.further or {}).items() if s is not None}

    def all(self) -> dict[str, Source]:
        """Every source by the name of its parameter."""
        return self.of_training() | self.of_evaluation() | self.of_lessons()
