"""A campaign file: which methods to try, how often, on what to choose, and on what to report."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from omegaconf import OmegaConf
from pydantic import Field, ValidationError, field_validator

from blur_pipeline.config.block import Block
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.ranges import Range
from blur_pipeline.config.wrong import first_wrong
from blur_pipeline.config.yaml_files import what_is_wrong

Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"


class CampaignFile(Block):
    """Parameters ``campaign``: where the campaign's own file is."""

    path: str = Field("conf/campaigns/default.yml", description="counted from the project's folder")


class Sampler(Block):
    """How settings are chosen: ``tpe`` learns from those before, ``qmc`` spreads evenly over the ranges."""

    kind: Literal["tpe", "qmc"] = "tpe"
    seed: int = Field(0, ge=0, lt=2**32, description="of the choice of settings")
    startup: int = Field(4, ge=1, le=10_000, description="first settings that are spread evenly, before tpe learns")


class Judge(Block):
    """What chooses: the least distance (parameters ``comparison``) among what keeps enough utility."""

    by: Literal["worlds", "rows"] | None = Field(
        None,
        description="worlds: generated data of other seeds; rows: half of the evaluation's subjects, the other half is "
        "reported; default: worlds where the forget set is generated, else rows",
    )
    floor: float | None = Field(
        0.95, ge=0, le=1, description="share of the target's utility to be kept; null: comparison.floor"
    )


class Campaign(Block):
    """Everything a campaign file can say."""

    methods: Literal["all"] | list[str] = Field("all", description="presets to try, or all")
    settings: int = Field(
        8, ge=1, le=10_000, description="the budget: settings of each method; the preset's is the first"
    )
    seeds: Seeds = Field(default_factory=lambda: [10, 11], description="each setting is tried on each of them")
    reported: Seeds = Field(default_factory=lambda: [0, 1, 2], description="of what was chosen")
    sampler: Sampler = Sampler()
    judge: Judge = Judge()
    ranges: dict[str, dict[str, Range | None]] = Field(
        default_factory=dict, description="method → dotted name → what replaces the preset's range; null takes it away"
    )
    storage: str = Field(
        "sqlite:///data/campaigns/campaigns.sqlite",
        description="database (URL of SQLAlchemy) that all processes share; $NAME is an environment variable",
    )
    silence: int = Field(
        120, ge=2, le=86_400, description="seconds without a sign after which another machine's process counts as dead"
    )

    @field_validator("methods", mode="after")
    @classmethod
    def _some(cls, methods: str | list[str]) -> str | list[str]:
        if not methods:
            raise ValueError("name at least one method, or all")
        return methods if isinstance(methods, str) else list(dict.fromkeys(methods))

    @field_validator("seeds", "reported")
    @classmethod
    def _different(cls, seeds: list[int]) -> list[int]:
        return list(dict.fromkeys(seeds))

    def address(self) -> str:
        """Of the storage. A password is best left to the environment: ``storage: $CAMPAIGN_STORAGE``."""
        return os.path.expandvars(self.storage)


def read_campaign(path: str) -> Campaign:
    """The campaign of a YAML file.

    Raises:
        BadInputError: one sentence with the file and what is wrong with it.
    """
    file = Path(path)
    if not file.is_file():
        raise BadInputError(f"{path}: no such file; mend 'campaign.path'.")
    if not re.fullmatch(NAME, file.stem):
        raise BadInputError(f"{path}: the name stands in paths; use letters, digits, '_', '-' and '.' alone.")
    if said := what_is_wrong([file]):
        raise BadInputError(said)
    try:  # as the files of conf/ are read: 1e-4 is a number
        raw = OmegaConf.to_container(OmegaConf.load(file))
        return Campaign.model_validate(raw)
    except ValidationError as error:
        wrong = first_wrong(error, raw)
        if wrong.unknown:
            known = ", ".join(Campaign.model_fields)
            raise BadInputError(
                f"{path}: '{wrong.key}' is unknown; check its spelling (at the top: {known})."
            ) from error
        raise BadInputError(f"{path}: '{wrong.key}': {wrong.says}, not {wrong.given!r}.") from error
