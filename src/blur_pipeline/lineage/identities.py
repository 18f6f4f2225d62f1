"""What every stage of a run is: a hash over all that decides it, known before any work is done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from blur_pipeline.config.models import Retraining, Scores, Training
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.lineage.content import Hasher, digest_of
from blur_pipeline.lineage.inputs import Inputs
from blur_pipeline.lineage.stages import MEANING, MEASURED, MODELS, decided_by, kind_of
from blur_pipeline.methods.generic import WHP
from blur_pipeline.models.sources import FreshModel

SHORT = 8
HASHES = Path("data/.lineage/hashes.sqlite")
SCORED = MEASURED[:3]
GROUP = ("data", "target", "retrained", "evaluation")
"""Runs that agree in these may be ranked together."""


@dataclass(frozen=True)
class Identity:
    """A stage with all that went into it, JSON-ready; ``parents`` are the identities of other stages, by stage."""

    stage: str
    label: str
    decided_by: dict[str, Any] = field(hash=False)
    parents: dict[str, str] = field(hash=False)
    meaning: int = 1

    @classmethod
    def of(cls, stage: str, label: str, decided_by: dict[str, Any], parents: dict[str, str]) -> Identity:
        """With the stage's meaning as it is today."""
        return cls(stage, label, decided_by, parents, MEANING[kind_of(stage)])

    @cached_property
    def sha256(self) -> str:
        """64 hexadecimal digits: over parameters, contents, parents and the meaning of the stage."""
        return digest_of(self.made_of)

    @property
    def made_of(self) -> dict[str, Any]:
        """What is hashed."""
        said = {"decided_by": self.decided_by, "parents": self.parents}
        return {"stage": kind_of(self.stage), "meaning": self.meaning, **said}

    @property
    def name(self) -> str:
        """As it stands in paths: ``target-3f2a9c1b``, ``blur_npo-9c1e44d0``."""
        return f"{self.label}-{self.sha256[:SHORT]}"


@dataclass(frozen=True)
class Identities(Mapping[str, Identity]):
    """Every stage's identity of one run, in an order in which parents come first."""

    place: str
    """Benchmark and variant, as they stand in paths."""
    stages: dict[str, Identity]
    seeds: dict[int, Identities] = field(default_factory=dict)
    """The same with each of ``unlearning.seeds``."""
    further: dict[int, Identities] = field(default_factory=dict)
    """The stages up to what was measured of the retrained model, for each of ``models.further_seeds``."""
    shadows: dict[int, Identities] = field(default_factory=dict)
    """Those of a run of its own with each of ``shadow_seeds``."""
    group: dict[str, str] = field(default_factory=dict)
    campaign: str = ""
    """The name of the campaign's file."""
    recipe: str = ""
    """The unlearned model's identity without its seed: one configuration."""
    attacks: str = "none"
    """A digest of what the model was put to and how that was measured: residual knowledge compares within it."""

    def __getitem__(self, stage: str) -> Identity:
        return self.stages[stage]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    @property
    def chosen_attacks(self) -> str:
        """A digest of the attacks in use alone, whatever they are made on."""
        return digest_of(self["stress.target"].decided_by["stress.profile"])

    def folder(self, stage: str) -> str:
        """Where a stage's artefacts lie below a layer of ``data/``: what is measured lies below its model."""
        kind, _, model = stage.partition(".")
        if stage in ("comparison", "campaign"):
            name = f"{stage}-{self.campaign}" if stage == "campaign" else stage
            return f"{self.place}/{name}-{digest_of(self.group)[:SHORT]}"
        several = kind in ("seeds", "shadows")
        above = [self[model].name] if model else [self["unlearned"].label] if several else []
        if kind == "report":
            above = [self["unlearned"].name]
        return "/".join([self.place, *above, self[stage].name])


def identify(parameters: Parameters, hasher: Hasher | None = None) -> Identities:
    """The identity of every stage, and those of each of ``unlearning.seeds``.

    Files are read and hashed here; raises BadInputError where one cannot be.
    """
    inputs = Inputs(hasher or Hasher(HASHES))
    shared, further, scored = _before_unlearning(parameters, inputs)
    main = _with_unlearned(parameters, inputs, shared, scored)
    seeds = {}
    for seed in dict.fromkeys(parameters.unlearning.seeds):
        unlearning = parameters.unlearning.model_copy(update={"seed": seed})
        alike = parameters.model_copy(update={"unlearning": unlearning})
        seeds[seed] = _with_unlearned(alike, inputs, shared, scored)
    parents = {
        f"{stage}, seed {seed}": made[stage].sha256
        for seed, made in seeds.items()
        for stage in ("metrics.unlearned", "residual.unlearned")
    }
    main.stages["seeds"] = Identity.of("seeds", "seeds", {}, parents)
    shadows = {seed: _shadow(parameters, inputs, seed) for seed in parameters.shadow_seeds}
    parents = {
        f"{stage}, seed {seed}": made[stage].sha256
        for seed, made in shadows.items()
        for stage in ("scores.unlearned", "scores.retrained")
    } | {"questions": main["questions"].sha256}
    main.stages["shadows"] = Identity.of("shadows", "shadows", decided_by(parameters)["shadows"], parents)
    campaign = Path(parameters.campaign.path).stem
    return Identities(main.place, main.stages, seeds, further, shadows, main.group, campaign, main.recipe, main.attacks)


def identify_stage(parameters: Parameters, stage: str, hasher: Hasher | None = None) -> Identity:
    """The same of one stage, as its inputs are now: without other seeds and shadows, which cost fifteen times as much,
    where it is not made of them."""
    if stage in ("seeds", "shadows"):
        return identify(parameters, hasher)[stage]
    inputs = Inputs(hasher or Hasher(HASHES))
    shared, _, scored = _before_unlearning(parameters, inputs)
    return shared[stage] if stage in shared else _with_unlearned(parameters, inputs, shared, scored)[stage]


def _before_unlearning(
    parameters: Parameters, inputs: Inputs
) -> tuple[dict[str, Identity], dict[int, Identities], dict[int, str]]:
    """``_shared``, those of further retrained models, and their scores."""
    further = {seed: _further(parameters, inputs, seed) for seed in parameters.models.further_seeds}
    scored = {seed: made["scores.retrained"].sha256 for seed, made in further.items()}
    return _shared(parameters, inputs, scored), further, scored


def _further(parameters: Parameters, inputs: Inputs, seed: int) -> Identities:
    """As in a run with ``models.seed=seed`` and one retrained model."""
    return Identities(_place(parameters), _shared(_alone(parameters, seed), inputs, {}))


def _shadow(parameters: Parameters, inputs: Inputs, seed: int) -> Identities:
    """The same with the unlearned model."""
    alone = _alone(parameters, seed)
    return _with_unlearned(alone, inputs, _shared(alone, inputs, {}), {})


def _alone(parameters: Parameters, seed: int) -> Parameters:
    models, retrained = parameters.models, parameters.models.retrained
    if isinstance(retrained, Retraining):
        retrained = retrained.model_copy(update={"seeds": 1})
    alone = models.model_copy(update={"seed": seed, "retrained": retrained})
    return parameters.model_copy(update={"models": alone})


def _shared(parameters: Parameters, inputs: Inputs, further: dict[int, str]) -> dict[str, Identity]:
    """The stages that no method and no seed of the unlearning has a part in.

    ``further`` are the scores of further retrained models, by seed.
    """
    parts = decided_by(parameters)
    base, found = parameters.models.base, {}

    def add(stage: str, said: dict[str, Any], *parents: str) -> None:
        found[stage] = Identity.of(stage, kind_of(stage), said, {name: found[name].sha256 for name in parents})

    said = {name: _content(name, value, inputs, parameters) for name, value in parts["data"].items()}
    add("data", said | {"tokenizer": inputs.tokenizer(base)})
    add("questions", {n: _content(n, v, inputs, parameters) for n, v in parts["questions"].items()}, "data")
    add("lessons", {n: _content(n, v, inputs, parameters) for n, v in parts["lessons"].items()}, "data")
    fresh = isinstance(base, FreshModel)
    add("base", {"models.base": inputs.model(base)} | ({"seed": parameters.models.seed} if fresh else {}),
        *(("data",) if fresh else ()))  # fmt: skip
    for model in ("target", "retrained"):
        how = getattr(parameters.models, model)
        if isinstance(how, Training):
            add(model, {n: inputs.plain(_once(v)) for n, v in parts[model].items()}, "base", "data")
        else:
            # Somebody's scores are checked against the rows that are evaluated here.
            add(model, {f"models.{model}": inputs.given(how)}, *(("questions",) if isinstance(how, Scores) else ()))
    said = {n: inputs.plain(v) for n, v in parts["reference"].items()}
    add("reference", said | _beside(parameters), "target", "lessons")
    for kinds in (SCORED, ("metrics",), ("stress",)):
        for model in ("retrained", "target"):
            _measure(model, kinds, found, parts, inputs, parameters, further)
    return found


def _beside(parameters: Parameters) -> dict[str, Any]:
    """What else the method wants to know of θ₀; nothing for most."""
    recipe = parameters.unlearning.recipe
    scored = recipe.companions(scored=True)
    generic = [loss.model_dump() for loss in recipe.forget if isinstance(loss, WHP)]
    return ({"companions": scored} if scored else {}) | ({"generic": generic} if generic else {})


def _once(value: Any) -> Any:
    return value.once() if isinstance(value, Retraining) else value


def _with_unlearned(
    parameters: Parameters, inputs: Inputs, shared: dict[str, Identity], further: dict[int, str]
) -> Identities:
    """``shared`` and what depends on the method and its seed."""
    parts, method = decided_by(parameters), parameters.unlearning.method
    found = dict(shared)
    recipe = {"method": method, **parameters.unlearning.choices(), **parameters.training.numerics()}
    edit = parameters.unlearning.edit
    if edit is not None:
        recipe["edit"] = inputs.edit(edit)
    known = ("target", "data", "lessons", "reference", *(("base",) if edit is not None and edit.needs_base else ()))
    if parameters.unlearning.recipe.measures("holdout"):
        known += ("questions",)
    parents = {name: found[name].sha256 for name in known}
    found["unlearned"] = Identity.of("unlearned", method, {**recipe, "seed": parameters.unlearning.seed}, parents)
    configuration = Identity.of("unlearned", method, recipe, parents).sha256
    _measure("unlearned", (*MEASURED, "stress", "residual"), found, parts, inputs, parameters, further)
    measured = {f"{kind}.{m}": found[f"{kind}.{m}"].sha256 for m in MODELS for kind in ("scores", "metrics")}
    parents = {name: found[name].sha256 for name in ("unlearned", "questions", "residual.unlearned")} | measured
    found["report"] = Identity.of("report", "report", {n: inputs.plain(v) for n, v in parts["report"].items()}, parents)
    evaluated = {kind: found[f"{kind}.target"].decided_by for kind in MEASURED}
    meaning = {kind: MEANING[kind] for kind in ("questions", *MEASURED)}
    group = {name: found[name].sha256 for name in GROUP[:3]}
    group["evaluation"] = digest_of({**evaluated, "questions": found["questions"].sha256, "meaning": meaning})
    attacks = _attacks(parameters, found)
    return Identities(_place(parameters), found, group=group, recipe=configuration, attacks=attacks)


def _attacks(parameters: Parameters, found: dict[str, Identity]) -> str:
    """Which model, data and evaluation it was is the group's to say."""
    if not parameters.stress.chosen():
        return "none"
    judged = {name: getattr(parameters.stress, name) for name in ("measure", "utility_kept")}
    meaning = {kind: MEANING[kind] for kind in ("stress", "residual")}
    return digest_of({**found["stress.unlearned"].decided_by, **judged, "meaning": meaning})


def _measure(
    model: str,
    kinds: tuple[str, ...],
    found: dict[str, Identity],
    parts: dict[str, dict[str, Any]],
    inputs: Inputs,
    parameters: Parameters,
    further: dict[int, str],
) -> None:
    """Add what is made of ``model``; metrics also look at the scores of the target and the retrained models."""
    parents = {
        "scores": (model, "questions", "target"),  # fluency is the target's view of the answers
        "general": (model, "data"),  # by the tokenizer
        "safety": (model, "data"),
        "metrics": tuple(dict.fromkeys([*(f"{k}.{model}" for k in SCORED), "scores.retrained", "scores.target"])),
        "stress": tuple(dict.fromkeys([model, "questions", "base", "target", "retrained"])),
        "residual": (*(f"stress.{of}" for of in MODELS), "metrics.target", "metrics.unlearned"),
    }
    for kind in kinds:
        said = {name: _content(name, value, inputs, parameters) for name, value in parts[kind].items()}
        of = {name: found[name].sha256 for name in parents[kind]}
        if kind == "metrics":
            of |= {f"scores.retrained, seed {seed}": sha256 for seed, sha256 in further.items()}
        found[f"{kind}.{model}"] = Identity.of(f"{kind}.{model}", kind, said, of)


def _content(name: str, value: Any, inputs: Inputs, parameters: Parameters) -> Any:
    """A parameter as it counts: with the content of the files that it names."""
    if name in ("sources.background", "sources.evaluation", "sources.further"):
        return inputs.sources(value or {})
    if name.startswith("sources."):
        return inputs.source(value)
    if name == "curation.prompt":
        return inputs.prompt(value)
    if name == "curation.set_prompts":
        return {key: inputs.prompt(part) for key, part in value.items()}
    if name == "curation.refusals":
        return inputs.path(value.path) if value.path else list(value.sentences())
    if name == "general.tasks" or name == "safety.sets":
        return {key: inputs.files_of(part, "path") for key, part in value.items()}
    if name == "safety.judge":
        return inputs.path(value, parameters.safety.judge_revision)
    if name == "evaluation.gibberish_classifier":
        return inputs.path(value, parameters.evaluation.gibberish_revision)
    if name == "stress.profile":
        chosen = {name: inputs.files_of(attack, *attack.files) for name, attack in parameters.stress.chosen().items()}
        return {"attacks": chosen, "seeds": parameters.stress.seeds} if chosen else {}
    return inputs.plain(value)


def _place(parameters: Parameters) -> str:
    variant = re.sub(r"[^A-Za-z0-9_.-]", "-", parameters.variant or "")
    return f"{parameters.benchmark}/{variant}" if variant else parameters.benchmark
