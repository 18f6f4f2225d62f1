"""Typed parameters: one frozen model per block of conf/*/parameters*.yml; a misspelt key is an error.

torch is not imported here, so that the command line can check everything at once and early.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from blur_pipeline.block import Block, switched
from blur_pipeline.corpus.cleaning import Normalisation
from blur_pipeline.corpus.overlap import Policy
from blur_pipeline.corpus.prompts import ChatPrompt, PlainPrompt, Prompt
from blur_pipeline.corpus.sources import FileSource, GeneratedSource, HubSource, MixedSource, Source
from blur_pipeline.corpus.tokenise import TooLong
from blur_pipeline.errors import BadInputError
from blur_pipeline.measures import Comparison, General, Safety
from blur_pipeline.methods.optimizer import AdamW, OptimizerChoice
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scope import AllWeights, Scope
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.models import FreshModel, ModelSource, PretrainedModel
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.stopping import Best, Fixed, Off, Stopping

SomeSource = Annotated[Source, switched(FileSource, HubSource, GeneratedSource, MixedSource)]


EvaluationSet = Literal[
    "forget", "retain", "holdout", "real_authors", "world_facts", "verbmem", "knowmem_forget", "knowmem_retain"
]


class Sources(Block):
    """Where each set comes from; the holdout, the background and the evaluation sets may be left out.

    ``background`` is what every model knows beside the forget and retain set, for models trained from
    nothing. An evaluation set that is left out is taken from the training set of its name.
    """

    forget: SomeSource
    retain: SomeSource
    holdout: SomeSource | None = None
    background: dict[str, SomeSource] | None = None
    evaluation: dict[EvaluationSet, SomeSource | None] = Field(default_factory=dict)

    def all(self) -> dict[str, Source]:
        """Every source by the name of its parameter."""
        named = {"forget": self.forget, "retain": self.retain, "holdout": self.holdout}
        named |= {f"background.{n}": s for n, s in (self.background or {}).items()}
        named |= {f"evaluation.{n}": s for n, s in self.evaluation.items()}
        return {name: source for name, source in named.items() if source is not None}


class Overlap(Block):
    """What to do about rows that stand in both the forget and the retain set."""

    policy: Policy = "error"
    threshold: float = Field(0.9, gt=0, le=1, description="Jaccard similarity of the words of a near-duplicate")


class Curation(Block):
    """From raw rows to tokenised sets."""

    unicode: Normalisation = "NFC"
    max_length: int = Field(512, gt=8, description="tokens of a sequence, and of a document's blocks")
    too_long: TooLong = "drop"
    prompt: Annotated[Prompt, switched(PlainPrompt, ChatPrompt)] = PlainPrompt()
    set_prompts: dict[EvaluationSet, Annotated[Prompt, switched(PlainPrompt, ChatPrompt)]] = Field(
        default_factory=dict, description="evaluation sets that are asked in another way"
    )
    holdout_fraction: float = Field(0.0, ge=0, lt=1, description="share of the retain set, if no holdout is given")
    evaluation_rows: int | None = Field(None, gt=0, description="rows of each set to evaluate; default: all")
    overlap: Overlap = Overlap()


class Training(Block):
    """Ordinary training of the target or the retrained model, by the unlearning loop's retain side alone."""

    kind: Literal["train"] = "train"
    schedule: Schedule = Schedule()
    scope: Scope = AllWeights()
    optimizer: OptimizerChoice = AdamW()

    def recipe(self) -> Recipe:
        """The six slots of plain training."""
        return Recipe(scope=self.scope, optimizer=self.optimizer)


class Given(Block):
    """A model that exists already, in a folder or on the hub."""

    kind: Literal["given"] = "given"
    path: str
    revision: str | None = None
    trust_remote_code: bool = False

    def source(self) -> PretrainedModel:
        """Where it is."""
        return PretrainedModel(path=self.path, revision=self.revision, trust_remote_code=self.trust_remote_code)


class Absent(Block):
    """No such model; the metrics that need it are absent too."""

    kind: Literal["absent"] = "absent"
    reason: str = "no retrained model was given or trained"


class Scores(Block):
    """No such model here, but what an earlier run measured of it, as its tables in data/07_model_output."""

    kind: Literal["scores"] = "scores"
    path: str = Field(description="folder with token_scores.parquet and completions.parquet, each a file or versioned")


Target = Annotated[Annotated[Training | Given, Field(discriminator="kind")], switched(Training, Given)]
Retrained = Annotated[
    Annotated[Training | Given | Scores | Absent, Field(discriminator="kind")],
    switched(Training, Given, Scores, Absent),
]


class Models(Block):
    """The base model, and how the two models to compare with are obtained from it."""

    base: Annotated[ModelSource, switched(FreshModel, PretrainedModel)]
    target: Target = Training()
    retrained: Retrained = Training()


def _spaced(value: Any) -> Any:
    """The command line's parameters cannot hold a list."""
    return value.split() if isinstance(value, str) else [value] if isinstance(value, int) else value


class Preset(Recipe):
    """A method under a name: its six choices, and where its schedule differs from the common one."""

    schedule: dict[str, Any] = Field(default_factory=dict)


class Unlearning(Block):
    """The methods by name, the one to use, and the common schedule."""

    method: str
    methods: dict[str, Preset]
    schedule: Schedule = Schedule()
    seeds: Annotated[list[int], BeforeValidator(_spaced)] = Field(
        default_factory=lambda: [0, 1, 2], description="of the seeds pipeline, one child run each; '0 1 2' will do"
    )
    stopping: Annotated[Stopping, switched(Off, Fixed, Best)] = Off()

    @model_validator(mode="after")
    def _known(self) -> Unlearning:
        if self.method not in self.methods:
            raise ValueError(f"unknown method '{self.method}'; choose one of {', '.join(sorted(self.methods))}")
        for method in self.methods:
            self.schedule_of(method)
        return self

    @property
    def recipe(self) -> Recipe:
        """The six choices of the method in use."""
        return Recipe(**{name: getattr(self.methods[self.method], name) for name in Recipe.model_fields})

    def choices(self) -> dict[str, Any]:
        """All that sets a run of the method in use apart from another of the same data: what MLflow keeps of it."""
        schedule = self.schedule_of(self.method)
        return self.recipe.model_dump() | {
            "schedule": schedule.model_dump(),
            "stopping": self.stopping.model_dump(),
        }

    def schedule_of(self, method: str) -> Schedule:
        """The common schedule with the method's own entries over it."""
        return Schedule(**{**self.schedule.model_dump(), **self.methods[method].schedule})


class Evaluation(Block):
    """How models are scored."""

    tokens_per_batch: int = Field(4096, gt=0)
    generation_batch: int = Field(64, gt=0)
    max_new_tokens: int = Field(200, gt=0)
    set_new_tokens: dict[EvaluationSet, int] = Field(
        default_factory=dict, description="sets with another limit; VerbMem's references are cut to it too"
    )
    bootstrap_samples: int = Field(1000, ge=100)
    keep_scores: str | None = Field(None, description="folder where a model's scores and answers are kept as they come")
    keep_days: int = Field(30, ge=1, description="what of them was not used for so long is deleted")
    gibberish_classifier: str | None = Field(
        None, description="folder or hub id of a classifier of texts whose class 'clean' is language"
    )
    gibberish_revision: str | None = Field(None, description="a commit of the hub")
    gradient_norms: bool = Field(True, description="the gradient-norm membership attack: a backward pass an example")
    published_a: float | None = Field(
        None, gt=0, lt=1, description="PrivLeak's A of the retrained model as published, where there is none here"
    )


class Published(Block):
    """Numbers from the literature, shown beside ours and never mixed with them."""

    source: str = ""
    values: dict[str, dict[str, float]] = Field(default_factory=dict, description="row → metric → value")


class Reporting(Block):
    """What the report shows, and how the model is handed to MLflow."""

    published: Published = Published()

    examples: int = Field(8, ge=0, description="forget questions shown with the answers before and after")
    register_model: Literal["copy", "reference", "none"] = "copy"


class Parameters(Block):
    """Everything a run can be told."""

    benchmark: str
    method: str
    seed: int = Field(0, ge=0)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_folder: str
    # Places for an environment's files to hang its own choices on, as ${runtime_params:variant,…}.
    variant: str | None = Field(None, description="which variant of the benchmark, such as forget05")
    source_folder: str | None = Field(None, description="where the benchmark's files are")
    data_from: Literal["files", "hub"] = Field("files", description="where a benchmark's sets come from")
    sources: Sources
    curation: Curation = Curation()
    models: Models
    unlearning: Unlearning
    training: Engine = Engine()
    evaluation: Evaluation = Evaluation()
    reporting: Reporting = Reporting()
    comparison: Comparison = Comparison()
    general: General = General()
    safety: Safety = Safety()


def check_parameters(raw: dict[str, Any]) -> Parameters:
    """The whole of a run's parameters; top-level keys with an underscore are helpers of the YAML itself.

    Raises:
        BadInputError: one sentence with the first wrong key, what is wrong with it and what is known there.
    """
    try:
        return Parameters.model_validate({k: v for k, v in raw.items() if not k.startswith("_")})
    except ValidationError as error:
        raise BadInputError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    errors = error.errors()
    first = errors[0]
    key = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"Parameter '{key}' is unknown; check its spelling against conf/base/parameters*.yml{more}."
    message = first["msg"].removeprefix("Value error, ")
    given = first["input"]
    said = f", not {given!r}" if isinstance(given, int | float | str) and "unknown" not in message else ""
    return f"Parameter '{key}': {message[0].lower()}{message[1:]}{said}{more}."
