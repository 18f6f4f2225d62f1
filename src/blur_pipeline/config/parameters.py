"""Typed parameters: one frozen model per block of conf/*/parameters; a misspelt key is an error.

torch is not imported here, so that the command line can check everything at once and early.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from blur_pipeline.config.block import Block
from blur_pipeline.config.campaign import CampaignFile
from blur_pipeline.config.comparison import Comparison
from blur_pipeline.config.curation import Curation
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.evaluation import Evaluation
from blur_pipeline.config.general import General
from blur_pipeline.config.models import Models
from blur_pipeline.config.names import instead
from blur_pipeline.config.reporting import Reporting
from blur_pipeline.config.safety import Safety
from blur_pipeline.config.sections import beside
from blur_pipeline.config.shadows import Shadows
from blur_pipeline.config.sources import Sources
from blur_pipeline.config.stress import Stress
from blur_pipeline.config.unlearning import Unlearning
from blur_pipeline.config.wrong import first_wrong
from blur_pipeline.training.engine import Engine

SEEDED = ("curation", "models", "unlearning")
"""The blocks with a seed of their own: of the data, of target and retrained model, of the unlearning."""
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"


class Parameters(Block):
    """Everything a run can be told."""

    benchmark: str = Field(pattern=NAME, description="names folders in data/ and the MLflow experiment")
    method: str = Field(description="the preset to unlearn by, one of unlearning.methods (`kedro methods`)")
    seed: int = Field(0, ge=0, lt=2**32, description="of data, target and unlearning, where those give none")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where models are trained and scored; auto: the GPU where there is one"
    )
    fresh: bool = Field(
        False,
        description="make everything anew, as a new version, whatever is there; a broken-off training still goes on",
    )
    checkpoint_folder: str = Field(description="inside data/: what lies there is cleared when a training is done")
    # Places for an environment's files to hang its own choices on, as ${runtime_params:variant,…}.
    variant: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_/-]{0,63}$", description="which variant of the benchmark"
    )
    source_folder: str | None = Field(None, description="where the benchmark's files are")
    data_from: Literal["files", "hub"] = Field("files", description="where a benchmark's sets come from")
    sources: Sources
    curation: Curation = Curation()
    models: Models
    unlearning: Unlearning
    training: Engine = Engine()
    evaluation: Evaluation = Evaluation()
    stress: Stress = Stress()
    shadows: Shadows = Shadows()
    reporting: Reporting = Reporting()
    comparison: Comparison = Comparison()
    general: General = General()
    safety: Safety = Safety()
    campaign: CampaignFile = CampaignFile()

    def has_holdout(self) -> bool:
        """Whether there is one, given or split off."""
        return self.sources.holdout is not None or self.curation.holdout_fraction > 0

    @property
    def shadow_seeds(self) -> list[int]:
        """Those of ``models.seed`` that the shadow models are trained with."""
        return list(range(self.models.seed, self.models.seed + self.shadows.models))

    def evaluated(self) -> set[str]:
        """The sets that models are asked; a training set stands in for the one of its name (corpus/selection.py)."""
        given = {name for name, source in self.sources.evaluation.items() if source is not None}
        return given | {"forget", "retain"} | ({"holdout"} if self.has_holdout() else set())

    @field_validator("checkpoint_folder")
    @classmethod
    def _inside(cls, value: str) -> str:
        if not value.startswith("data/") or ".." in value.split("/"):
            raise ValueError("checkpoints must lie inside data/")
        return value

    @model_validator(mode="after")
    def _one_method(self) -> Parameters:
        if self.method != self.unlearning.method:
            chosen = self.unlearning.method
            raise ValueError(f"'method' is {self.method} and 'unlearning.method' {chosen}; give method={chosen} alone")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Parameters:
        if refused := self.unlearning.recipe.refuses(self.training.precision):
            raise ValueError(f"method {self.method}: {refused}")
        if self.unlearning.recipe.optimizer.kind == "schedule_free" and self.unlearning.stopping.kind == "best":
            raise ValueError("a schedule-free optimizer keeps its last mean; give unlearning.stopping off or fixed")
        return self

    @model_validator(mode="before")
    @classmethod
    def _seeds(cls, raw: Any) -> Any:
        """``seed`` stands in for each seed that is not given; generated sets take that of the data."""
        if not isinstance(raw, dict):
            return raw
        seed = raw.get("seed", 0)
        raw = raw | {name: _seeded(raw.get(name, {}), seed) for name in SEEDED}
        return raw | {"sources": _generated(raw.get("sources"), raw["curation"])}


def _seeded(block: Any, seed: Any) -> Any:
    if not isinstance(block, dict) or block.get("seed") is not None:
        return block
    return {**block, "seed": seed}


def _generated(source: Any, curation: Any) -> Any:
    if not isinstance(source, dict) or not isinstance(curation, dict):
        return source
    if source.get("kind") == "generated":
        return _seeded(source, curation.get("seed"))
    return {name: _generated(part, curation) for name, part in source.items()}


def check_parameters(raw: dict[str, Any]) -> Parameters:
    """The whole of a run's parameters; top-level keys with an underscore are helpers of the YAML itself.

    Raises:
        BadInputError: one sentence with the first wrong key, what is wrong with it and what is known there.
    """
    for odd in (key for key in raw if not isinstance(key, str)):
        raise BadInputError(f"The parameter's name '{odd}' is no text but a {type(odd).__name__}; delete or mend it.")
    try:
        return Parameters.model_validate({k: v for k, v in raw.items() if not k.startswith("_")})
    except ValidationError as error:
        raise BadInputError(_sentence(error, raw)) from error


def _sentence(error: ValidationError, raw: dict[str, Any]) -> str:
    wrong = first_wrong(error, raw)
    more = f" (and {wrong.others} more)" if wrong.others else ""
    if wrong.unknown:
        last = wrong.key.split(".")[-1]
        known = set(beside(wrong.key, Parameters, raw)) - {last}  # it may be right of another kind of choice
        near = instead(last, known, "check its spelling against conf/base/parameters.")
        return f"Parameter '{wrong.key}'{more} is unknown; {near}"
    if not wrong.key:
        return f"Parameters disagree: {wrong.says}{more}."
    said = (
        f", not {wrong.given!r}" if isinstance(wrong.given, int | float | str) and "unknown" not in wrong.says else ""
    )
    sentence = f"Parameter '{wrong.key}': {wrong.says}{said}{more}"
    return sentence if sentence.endswith("?") else f"{sentence}."
