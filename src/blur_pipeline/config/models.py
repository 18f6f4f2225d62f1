"""Parameters ``models``: the base model, and how the two models to compare with are obtained from it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from blur_pipeline.config.block import Block, switched
from blur_pipeline.methods.optimizer import AdamW, OptimizerChoice
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scope import AllWeights, Scope
from blur_pipeline.models.sources import FreshModel, ModelSource, PretrainedModel
from blur_pipeline.training.schedule import Schedule


class Training(Block):
    """Ordinary training of the target or the retrained model, by the unlearning loop's retain side alone."""

    kind: Literal["train"] = "train"
    schedule: Schedule = Schedule()
    scope: Scope = Field(AllWeights(), description="which weights are trained")
    optimizer: OptimizerChoice = Field(AdamW(), description="the step taken along the gradient")

    def recipe(self) -> Recipe:
        """The six slots of plain training."""
        return Recipe(scope=self.scope, optimizer=self.optimizer)


class Retraining(Training):
    """The training of one retrained model, or of several that differ in their seeds."""

    seeds: int = Field(
        1, ge=1, le=1000, description="retrained models, of the seeds models.seed and up; from 4 on they have a spread"
    )

    def once(self) -> Training:
        """What decides one of them."""
        return Training(schedule=self.schedule, scope=self.scope, optimizer=self.optimizer)


class Given(Block):
    """A model that exists already, in a folder or on the hub."""

    kind: Literal["given"] = "given"
    path: str = Field(description="a folder, or a hub id such as meta-llama/Llama-3.2-1B-Instruct")
    revision: str | None = Field(None, description="a commit of the hub, so that the model cannot change")
    trust_remote_code: bool = Field(False, description="run code that comes with the model")

    def source(self) -> PretrainedModel:
        """Where it is."""
        return PretrainedModel(path=self.path, revision=self.revision, trust_remote_code=self.trust_remote_code)


class Absent(Block):
    """No such model; the metrics that need it are absent too."""

    kind: Literal["absent"] = "absent"
    reason: str = Field(
        "no retrained model was given or trained", description="said wherever something is absent for the lack of it"
    )


class Scores(Block):
    """No such model here, but what an earlier run measured of it, as its tables in data/07_model_output."""

    kind: Literal["scores"] = "scores"
    path: str = Field(description="folder with token_scores.parquet and completions.parquet, each a file or versioned")


Target = Annotated[Annotated[Training | Given, Field(discriminator="kind")], switched(Training, Given)]
Retrained = Annotated[
    Annotated[Retraining | Given | Scores | Absent, Field(discriminator="kind")],
    switched(Retraining, Given, Scores, Absent),
]


class Models(Block):
    """The base model, and how the two models to compare with are obtained from it."""

    seed: int = Field(0, ge=0, lt=2**32, description="of fresh weights and of both trainings; default: seed")
    base: Annotated[ModelSource, switched(FreshModel, PretrainedModel)] = Field(
        description="the model that target and retrained model are trained from, and whose tokenizer all share"
    )
    target: Target = Field(Training(), description="the model that is to unlearn")
    retrained: Retrained = Field(
        Retraining(), description="the model that never saw the forget set: what unlearning should come to"
    )

    def trusts(self, model: str) -> bool:
        """Whether ``base``, ``target`` or ``retrained`` may run code of its own: one that is trained here has the base
        model's."""
        said = getattr(self, model)
        return getattr(said if isinstance(said, Given) else self.base, "trust_remote_code", False)

    @property
    def further_seeds(self) -> list[int]:
        """Those of the retrained models beside the one that everything is compared with."""
        return list(range(self.seed + 1, self.seed + getattr(self.retrained, "seeds", 1)))
