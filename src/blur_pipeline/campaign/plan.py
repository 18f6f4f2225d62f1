"""What a campaign will do, checked before any work is spent: methods, the values each may try, the budget."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from blur_pipeline.config.campaign import Campaign, read_campaign
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.flat import flatten
from blur_pipeline.config.names import instead
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.config.ranges import Range, Value
from blur_pipeline.config.unlearning import Unlearning
from blur_pipeline.config.wrong import first_wrong
from blur_pipeline.corpus.sources import GeneratedSource, MixedSource
from blur_pipeline.lineage.content import digest_of

Settings = dict[str, Value]
"""Dotted names of a preset, ``optimizer.lr``, and the values to try."""
WORLDS, ROWS = "worlds", "rows"


@dataclass(frozen=True)
class Plan:
    """A campaign for one environment: ``ranges`` by method have both ends, ``group`` says what compares."""

    campaign: Campaign
    parameters: Parameters
    group: dict[str, str]
    ranges: dict[str, dict[str, Range]]

    @property
    def name(self) -> str:
        """As it stands in paths."""
        return Path(self.parameters.campaign.path).stem

    @property
    def by(self) -> str:
        """``worlds`` or ``rows``."""
        generated = isinstance(self.parameters.sources.forget, GeneratedSource)
        return self.campaign.judge.by or (WORLDS if generated else ROWS)

    @property
    def floor(self) -> float:
        """Share of the target's utility to be kept."""
        said = self.campaign.judge.floor
        return self.parameters.comparison.floor if said is None else said

    def budget(self, method: str) -> int:
        """How many settings of it are tried; one where nothing varies."""
        return self.campaign.settings if self.ranges[method] else 1

    def own(self, method: str) -> Settings:
        """The preset's own values of what its ranges vary."""
        values = _values(self.parameters.unlearning, method)
        return {name: values[name] for name in self.ranges[method] if values.get(name) is not None}

    def study(self, method: str) -> str:
        """The name under which all processes find a method's settings: over all that decides what is tried."""
        judged = self.campaign.model_dump(include={"seeds", "sampler", "judge"})
        training = self.parameters.training
        decided = {
            "campaign": judged,
            "by": self.by,
            "floor": self.floor,
            "ranges": {name: r.model_dump() for name, r in self.ranges[method].items()},
            "preset": self.parameters.unlearning.of(method).choices(),
            "training": training.numerics(),
            "comparison": self.parameters.comparison.model_dump(),
            "group": self.group,
        }
        return f"{self.parameters.benchmark}/{method}/{digest_of(decided)[:16]}"

    def reported(self, method: str, settings: Settings) -> str:
        """The same of what was chosen, on the rows that are reported."""
        return f"{self.study(method)}/{digest_of(settings)[:16]}"

    def changes(self, method: str, settings: Settings, seed: int, tuning: bool) -> dict[str, Any]:
        """The parameters by dotted names that make a run one cell of the campaign."""
        said: dict[str, Any] = {"method": method, **self.world(seed, tuning)}
        return said | {f"unlearning.methods.{method}.{name}": value for name, value in settings.items()}

    def world(self, seed: int, tuning: bool) -> dict[str, Any]:
        """Those that say on what it is judged: another world, or half of the subjects and another unlearning."""
        if self.by == WORLDS:
            return {"seed": seed}
        return {"unlearning.seed": seed, "evaluation.half": "tuning" if tuning else "reporting"}


def plan_of(parameters: Parameters, group: dict[str, str]) -> Plan:
    """Read the campaign's file, and bring every range to its ends.

    Raises:
        BadInputError: an unknown method, a range around nothing, or a file that cannot be read.
    """
    path, campaign = parameters.campaign.path, read_campaign(parameters.campaign.path)
    known = parameters.unlearning.methods
    whole = sorted(method for method in known if parameters.unlearning.lacks(method) is None)
    methods = whole if campaign.methods == "all" else campaign.methods
    for method in (*methods, *campaign.ranges):
        if method not in known:
            raise BadInputError(f"{path}: there is no method '{method}'; {instead(method, list(known))}")
    for method in methods:
        if lacking := parameters.unlearning.lacks(method):
            raise BadInputError(f"{path}: the method '{method}' {lacking}, or leave it out.")
    ranges = {method: _ranges(campaign, parameters, method) for method in methods}
    return Plan(campaign, parameters, group, ranges)


def require_sense(plan: Plan, raw: dict[str, Any]) -> None:
    """Hold a plan against the types of the settings and against itself; ``raw`` are the parameters as YAML has them.

    Raises:
        BadInputError: a range reaches to what a setting's type does not allow, or what chooses would be reported, …
    """
    path = plan.parameters.campaign.path
    if plan.parameters.fresh:
        raise BadInputError(
            "Parameter 'fresh' would make every model anew for each setting; leave it out of a campaign."
        )
    for method, ranges in plan.ranges.items():
        for name, given in ranges.items():
            for end in given.ends():
                if why := _refused(raw["unlearning"], method, name, end):
                    raise BadInputError(
                        f"{path}: the range of '{method}.{name}' reaches to {end!r}, which cannot be: {why}."
                    )
    _require_others(plan, raw)


def _require_others(plan: Plan, raw: dict[str, Any]) -> None:
    """What chooses is not what is reported."""
    path, campaign = plan.parameters.campaign.path, plan.campaign
    if both := set(campaign.seeds) & set(campaign.reported):
        what = "model unlearned with" if plan.by == ROWS else "world of"  # other rows, and the luck of the same model
        raise BadInputError(
            f"{path}: the {what} seed {min(both)} would both choose and be reported; take another seed."
        )
    if plan.by == ROWS:
        if plan.parameters.evaluation.half != "all":
            raise BadInputError("Parameter 'evaluation.half' is set by the campaign itself; leave it out.")
        return
    sources = plan.parameters.sources
    parts = [
        p for s in (sources.forget, sources.retain) for p in (s.parts.values() if isinstance(s, MixedSource) else [s])
    ]
    if not all(isinstance(part, GeneratedSource) for part in parts):
        raise BadInputError(f"{path}: 'judge.by' is worlds, but only generated data has others; use rows.")
    for name in ("curation", "models", "unlearning"):
        if isinstance(raw.get(name), dict) and raw[name].get("seed") is not None:
            raise BadInputError(
                f"Parameter '{name}.seed' would be the same in every world of the campaign; leave it out."
            )


def _ranges(campaign: Campaign, parameters: Parameters, method: str) -> dict[str, Range]:
    values, found = _values(parameters.unlearning, method), {}
    said = {**parameters.unlearning.methods[method].ranges, **campaign.ranges.get(method, {})}
    for name, given in said.items():
        try:
            if given is not None:
                found[name] = given.of(values.get(name))
        except ValueError as error:
            where = f"{parameters.campaign.path}: the range of '{method}.{name}'"
            why = first_wrong(error, {}).says if isinstance(error, ValidationError) else error
            raise BadInputError(f"{where} cannot be: {why}.") from error
    return found


def _values(unlearning: Unlearning, method: str) -> dict[str, Any]:
    return flatten(unlearning.of(method).choices())


def _refused(raw: dict[str, Any], method: str, name: str, value: Value) -> str | None:
    """Why the preset cannot be with this value; None where it can."""
    preset = copy.deepcopy(raw["methods"][method])
    *branches, last = name.split(".")
    place = preset
    for branch in branches:
        place = place.setdefault(branch, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            return f"'{branch}' is no block of settings there but a list; name what stands in a block of its own"
    place[last] = value
    tried = {**raw, "method": method, "methods": {method: preset}}
    try:
        Unlearning.model_validate(tried)
    except ValidationError as error:
        wrong = first_wrong(error, tried)
        return "there is no such setting" if wrong.unknown else wrong.says
    return None
