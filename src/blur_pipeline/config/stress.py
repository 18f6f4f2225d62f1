"""Parameters ``stress``: which attacks a finished model is put to, and how their outcome is judged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from blur_pipeline.config.block import Block, bare_off
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.sources import EvaluationSet
from blur_pipeline.config.wrong import first_wrong
from blur_pipeline.stress.attack import AttackChoice
from blur_pipeline.stress.choice import BEFORE, Attack

OFF = "off"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class Profile(Block):
    """Attacks by name, each with what differs here from its own settings."""

    attacks: dict[Name, dict[str, Any]] = Field(
        default_factory=dict, description="by name what differs from the attack's own settings; empty: nothing"
    )
    seeds: int = Field(1, ge=1, le=100, description="of each attack that draws; the mean of what they find counts")


class Stress(Block):
    """The attacks by name, and the profile of them in use; ``off`` attacks nothing."""

    profile: Annotated[str, BeforeValidator(bare_off)] = Field(OFF, description="off, or one of profiles")
    profiles: dict[Name, Profile] = Field(default_factory=dict, description="choices of attacks by name")
    attacks: dict[Name, AttackChoice] = Field(default_factory=dict, description="every attack by name")
    set: EvaluationSet = Field("forget", description="the questions that are attacked")
    kept: EvaluationSet = Field("retain", description="the questions that show what an attacked model keeps")
    rows: int = Field(100, gt=0, le=100_000, description="of either, at most so many")
    measure: Literal["extraction_strength", "fact_probability", "probability"] = Field(
        "extraction_strength", description="of how much a model knows of an answer"
    )
    utility_kept: float = Field(
        0.9, ge=0, le=1, description="share of its probability of retained answers that an attack must leave to count"
    )
    floor: float = Field(0.8, ge=0, le=1, description="share of the target's utility below which nothing is concluded")

    @field_validator("attacks")
    @classmethod
    def _another_name(cls, value: dict[str, AttackChoice]) -> dict[str, AttackChoice]:
        if BEFORE in value:
            raise ValueError(f"no attack can be called '{BEFORE}', which is what a model is before any; rename it")
        return value

    @model_validator(mode="after")
    def _resolves(self) -> Stress:
        if self.profile != OFF and self.profile not in self.profiles:
            known = ", ".join([OFF, *self.profiles])
            raise ValueError(f"unknown profile '{self.profile}'; choose one of {known}")
        for name in self.profiles:
            self._of(name)
        return self

    def chosen(self) -> dict[str, Attack]:
        """The attacks of the profile in use by name."""
        return {} if self.profile == OFF else self._of(self.profile)

    @property
    def seeds(self) -> int:
        """How often each attack that draws is made."""
        return self.profiles[self.profile].seeds if self.profile != OFF else 1

    def _of(self, profile: str) -> dict[str, Attack]:
        found = {}
        for name, changes in self.profiles[profile].attacks.items():
            where = f"profiles.{profile}.attacks.{name}"
            if name not in self.attacks:
                raise ValueError(f"{where}: there is no such attack; choose from {', '.join(self.attacks)}")
            own = self.attacks[name]
            raw = {**own.model_dump(), **changes}
            try:
                found[name] = type(own).model_validate(raw)
            except ValidationError as error:
                wrong = first_wrong(error, raw)
                raise ValueError(f"{where}.{wrong.key}: {wrong.says}") from error
        return found


def not_evaluated(key: str, name: str) -> BadInputError:
    """Of ``set`` or ``kept``: what cannot be asked."""
    return BadInputError(f"Parameter 'stress.{key}' is {name}, which is not evaluated here; name another set.")
