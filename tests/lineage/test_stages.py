"""Which parameter decides which stage: the table against the typed parameters, and against what identities do."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from blur_pipeline.config.parameters import Parameters, check_parameters
from blur_pipeline.lineage.identities import Identities, identify, identify_stage
from blur_pipeline.lineage.stages import DECIDES, MEANING, MODELS, kind_of
from tests.config.test_parameters import changed, load
from tests.conftest import PROJECT

BELOW = {
    "data": {"data", "questions", "lessons", "base", "target", "retrained", "reference", "unlearned"},
    "questions": {"questions"},
    "lessons": {"lessons", "reference", "unlearned"},
    "base": {"base", "target", "retrained", "reference", "unlearned"},
    "target": {"target", "reference", "unlearned"},
    "reference": {"reference", "unlearned"},
    "retrained": {"retrained"},
    "unlearned": {"unlearned"},
    "scores": set(),
    "general": set(),
    "safety": set(),
    "metrics": set(),
    "stress": set(),
    "residual": set(),
    "report": {"report"},
    "seeds": {"seeds"},
    "shadows": {"shadows"},
}
"""Stages that a change remakes, besides what is measured of the models among them."""

EXAMPLES: dict[str, tuple[str, Any]] = {
    "sources.forget": ("sources.forget.people", 39),
    "sources.retain": ("sources.retain.limit", 20),
    "sources.holdout": ("sources.holdout", None),
    "sources.background": ("sources.background", None),
    "sources.evaluation": ("sources.evaluation.world_facts", None),
    "sources.further": ("sources.further", {"traces": {"kind": "generated", "set": "retain"}}),
    "curation.seed": ("curation.seed", 5),
    "curation.unicode": ("curation.unicode", "NFKC"),
    "curation.max_length": ("curation.max_length", 100),
    "curation.too_long": ("curation.too_long", "error"),
    "curation.prompt": ("curation.prompt.question_prefix", "Q: "),
    "curation.forget_variant": ("curation.forget_variant", {"kind": "masked"}),
    "curation.core_set": ("curation.core_set", {"share": 0.5}),
    "curation.refusals": ("curation.refusals", {"path": "pyproject.toml"}),  # any file
    "curation.set_prompts": ("curation.set_prompts", {"verbmem": {"kind": "plain"}}),
    "curation.holdout_fraction": ("curation.holdout_fraction", 0.1),
    "curation.evaluation_rows": ("curation.evaluation_rows", 50),
    "curation.evaluation_blocks": ("curation.evaluation_blocks", 2),
    "curation.overlap": ("curation.overlap.policy", "report"),
    "models.seed": ("models.seed", 5),
    "models.base": ("models.base.hidden_size", 64),
    "models.target": ("models.target.schedule.epochs", 3),
    "models.retrained": ("models.retrained.optimizer.lr", 1e-4),
    "unlearning.method": ("method", "npo"),
    "unlearning.methods": ("unlearning.methods.blur_npo.weighting.gamma", 0.01),
    "unlearning.schedule": ("unlearning.schedule.epochs", 3),
    "unlearning.stopping": ("unlearning.stopping", {"kind": "best"}),
    "unlearning.seed": ("unlearning.seed", 5),
    "unlearning.seeds": ("unlearning.seeds", [0, 1]),
    "training.precision": ("training.precision", "bf16"),
    "training.gradient_buffer": ("training.gradient_buffer", "bf16"),
    "evaluation.tokens_per_batch": ("evaluation.tokens_per_batch", 99),
    "evaluation.generation_batch": ("evaluation.generation_batch", 99),
    "evaluation.max_new_tokens": ("evaluation.max_new_tokens", 99),
    "evaluation.set_new_tokens": ("evaluation.set_new_tokens", {"verbmem": 9}),
    "evaluation.gradient_norms": ("evaluation.gradient_norms", False),
    "evaluation.gibberish_classifier": ("evaluation.gibberish_classifier", "some/classifier"),
    "evaluation.gibberish_revision": ("evaluation.gibberish_revision", "1" * 40),
    "evaluation.half": ("evaluation.half", "tuning"),
    "evaluation.bootstrap_samples": ("evaluation.bootstrap_samples", 200),
    "evaluation.equivalence_ratio": ("evaluation.equivalence_ratio", 1.5),
    "evaluation.published_a": ("evaluation.published_a", 0.5),
    "general.batch_size": ("general.batch_size", 4),
    "general.tasks": ("general.tasks", {"gsm8k": {}}),
    "safety.sets": ("safety.sets", {"mine": {"path": "pyproject.toml"}}),  # any file
    "safety.max_new_tokens": ("safety.max_new_tokens", 9),
    "safety.judge": ("safety.judge", "some/judge"),
    "safety.judge_revision": ("safety.judge_revision", "1" * 40),
    "safety.template": ("safety.template", "{prompt} {completion}?"),
    "stress.profile": ("stress.profile", "full"),
    "stress.set": ("stress.set", "retain"),
    "stress.kept": ("stress.kept", "forget"),
    "stress.rows": ("stress.rows", 30),
    "stress.measure": ("stress.measure", "probability"),
    "stress.utility_kept": ("stress.utility_kept", 0.5),
    "stress.floor": ("stress.floor", 0.5),
    "shadows.models": ("shadows.models", 4),
    "reporting.published": ("reporting.published", {"source": "a paper"}),
    "reporting.request": ("reporting.request", {"id": "R-0007", "received": "2026-11-03"}),
    "reporting.examples": ("reporting.examples", 3),
    "reporting.limit": ("reporting.limit", 0.1),
    "reporting.residual_limit": ("reporting.residual_limit", None),
    "comparison": ("comparison.floor", 0.5),
}
HARMLESS: dict[str, tuple[str, Any]] = {
    "device": ("device", "cpu"),
    "fresh": ("fresh", True),
    "checkpoint_folder": ("checkpoint_folder", "data/elsewhere"),
    "training.micro_batch_size": ("training.micro_batch_size", 3),
    "training.micro_batch_tokens": ("training.micro_batch_tokens", 300),
    "training.processes": ("training.processes", 2),
    "training.checkpoint_every": ("training.checkpoint_every", 7),
    "training.resume": ("training.resume", "never"),
    "evaluation.keep_days": ("evaluation.keep_days", 2),
    "reporting.register_model": ("reporting.register_model", "none"),
    "an attack that is not in use": ("stress.attacks.benign.batch_size", 3),
    "campaign.path": ("campaign.path", "conf/campaigns/mine.yml"),
    "ranges of a preset": ("unlearning.methods.blur_npo.ranges", {"optimizer.lr": {"around": 2.0}}),
}


@pytest.fixture(scope="module")
def raw(project) -> dict:
    pinned = changed(load(project), "safety.judge_revision", "0" * 40)
    return changed(pinned, "evaluation.gibberish_revision", "0" * 40)


@pytest.fixture(scope="module")
def before(raw) -> Identities:
    return identify(check_parameters(raw))


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every parameter by its dotted name, down to where the table names it or its type is no block."""
    for name, field in model.model_fields.items():
        block = _block(field.annotation)
        if f"{prefix}{name}" not in DECIDES and block is not None:
            yield from fields(block, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _block(annotation: Any) -> type[BaseModel] | None:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def test_every_parameter_has_its_row_and_every_row_its_parameter():
    assert sorted(fields(Parameters)) == sorted(DECIDES)
    assert {kind for kinds in DECIDES.values() for kind in kinds} <= MEANING.keys()


def test_a_parameter_without_a_row_is_an_error(raw, monkeypatch):
    monkeypatch.delitem(DECIDES, "evaluation.published_a")
    with pytest.raises(LookupError, match=r"'evaluation\.published_a' decides no stage"):
        identify(check_parameters(raw))


def test_every_row_is_tried_below():
    assert {name for name, kinds in DECIDES.items() if kinds} == EXAMPLES.keys()


def remade(kinds: tuple[str, ...]) -> set[str]:
    """The stages that lie at or below these kinds."""
    plain = set().union(*(BELOW[kind] for kind in kinds))
    stages = set(plain)
    for model in MODELS:
        measured = {kind for kind in kinds if kind in ("scores", "general", "safety", "metrics")}
        if model in plain:
            measured |= {"scores", "general", "safety"}
        if "questions" in plain or "target" in plain:  # fluency is the target's view
            measured.add("scores")
        if "data" in plain:
            measured |= {"general", "safety"}
        if "stress" in kinds or plain & {"questions", "base", "target", "retrained"} or model in plain:
            measured.add("stress")
        stages |= {f"{kind}.{model}" for kind in measured}
    if "scores.retrained" in stages:  # forget quality looks at the retrained model
        stages |= {f"metrics.{model}" for model in MODELS}
    for model in MODELS:
        if {f"{kind}.{model}" for kind in ("scores", "general", "safety")} & stages:
            stages.add(f"metrics.{model}")
    if {f"stress.{model}" for model in MODELS} & stages or {"metrics.target", "metrics.unlearned"} & stages:
        stages.add("residual.unlearned")
    if "residual" in kinds:
        stages.add("residual.unlearned")
    if (
        "residual.unlearned" in stages
        or any(kind_of(stage) == "metrics" for stage in stages)
        or plain & {"unlearned", "questions"}
    ):
        stages.add("report")
    if {"metrics.unlearned", "residual.unlearned"} & stages:
        stages.add("seeds")
    if "shadows" in kinds or {"scores.unlearned", "scores.retrained"} & stages:
        stages.add("shadows")
    return stages


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_changed_parameter_remakes_its_stages_and_those_below_and_nothing_else(name, raw, before, monkeypatch):
    key, value = EXAMPLES[name]
    monkeypatch.chdir(PROJECT)
    after = changed(raw, key, value)
    if key == "method":
        after = changed(after, "unlearning.method", value)
    after = identify(check_parameters(after))
    different = {stage for stage in before if before[stage].sha256 != after[stage].sha256}
    expected = remade(DECIDES[name])
    if name == "unlearning.seed":  # the seeds' runs bring their own
        expected.discard("seeds")
    assert different == expected


@pytest.mark.parametrize("name", HARMLESS)
def test_what_decides_nothing_changes_no_identity(name, raw, before):
    after = identify(check_parameters(changed(raw, *HARMLESS[name])))
    assert {stage: before[stage].sha256 for stage in before} == {stage: after[stage].sha256 for stage in after}


def test_where_a_gradient_waits_changes_no_identity_but_its_rounding_does(raw, before):
    found = {b: identify(check_parameters(changed(raw, "training.gradient_buffer", b))) for b in ("host", "bf16")}
    assert {name: one.sha256 for name, one in found["host"].items()} == {n: one.sha256 for n, one in before.items()}
    assert found["bf16"]["target"].sha256 != before["target"].sha256


def test_the_size_of_a_fresh_vocabulary_is_a_matter_of_the_data(raw, before):
    after = identify(check_parameters(changed(raw, "models.base.vocab_size", 900)))
    assert before["data"].sha256 != after["data"].sha256


def test_one_seed_stands_in_for_three(raw):
    all_of_them = identify(check_parameters(changed(raw, "seed", 3)))
    one_by_one = raw
    for block in ("curation", "models", "unlearning"):
        one_by_one = changed(one_by_one, f"{block}.seed", 3)
    assert all_of_them == identify(check_parameters(one_by_one))
    assert check_parameters(changed(raw, "seed", 3)).sources.forget.seed == 3


def test_a_configuration_is_the_unlearned_model_without_its_seed(raw, before):
    other_seed = identify(check_parameters(changed(raw, "unlearning.seed", 5)))
    other_gamma = identify(check_parameters(changed(raw, "unlearning.methods.blur_npo.weighting.gamma", 0.01)))
    assert other_seed.recipe == before.recipe != other_gamma.recipe
    assert other_seed.group == before.group == other_gamma.group
    assert (
        before.seeds[1]["unlearned"].sha256
        == identify(check_parameters(changed(raw, "unlearning.seed", 1)))["unlearned"].sha256
    )


@pytest.mark.parametrize(
    ("key", "value", "differs"),
    [
        ("curation.unicode", "NFKC", {"data", "target", "retrained", "evaluation"}),
        ("models.target.schedule.epochs", 3, {"target"}),
        ("models.retrained.schedule.epochs", 3, {"retrained"}),
        ("evaluation.bootstrap_samples", 300, {"evaluation"}),
    ],
)
def test_a_group_is_of_the_same_data_models_and_evaluation(key, value, differs, raw, before):
    after = identify(check_parameters(changed(raw, key, value)))
    assert {name for name in before.group if before.group[name] != after.group[name]} == differs


@pytest.mark.parametrize(
    ("key", "value", "differs"),
    [
        ("stress.profile", "full", True),
        ("stress.attacks.relearn.batch_size", 3, True),
        ("stress.set", "retain", True),
        ("stress.rows", 30, True),
        ("stress.measure", "probability", True),
        ("stress.utility_kept", 0.5, True),
        ("stress.floor", 0.5, False),  # decides whether something is concluded, and not what
        ("stress.attacks.benign.batch_size", 3, False),  # not in use
        ("models.target.schedule.epochs", 3, False),  # the group's to say
    ],
)
def test_the_same_attacks_are_those_that_ask_and_measure_the_same(key, value, differs, raw, before):
    after = identify(check_parameters(changed(raw, key, value)))
    assert (after.attacks != before.attacks) == differs
    assert after.group == before.group or key.startswith("models")
    assert identify(check_parameters(changed(raw, "stress.profile", "off"))).attacks == "none" != before.attacks


def test_a_stage_whose_meaning_was_raised_is_another_one(raw, before, monkeypatch):
    """As a developer does whose code changes what the stage gives."""
    monkeypatch.setitem(MEANING, "metrics", MEANING["metrics"] + 1)
    after = identify(check_parameters(raw))
    different = {stage for stage in before if before[stage].sha256 != after[stage].sha256}
    assert different == {f"metrics.{model}" for model in MODELS} | {"residual.unlearned", "report", "seeds"}
    assert before.group["evaluation"] != after.group["evaluation"]


def test_further_retrained_models_decide_metrics_alone_and_are_those_of_runs_with_their_seed(raw, before):
    """What was trained once is found again whatever their number, and by a run that names such a seed itself."""
    three = identify(check_parameters(changed(raw, "models.retrained.seeds", 3)))
    different = {stage for stage in before if before[stage].sha256 != three[stage].sha256}
    assert different == {f"metrics.{model}" for model in MODELS} | {"residual.unlearned", "report", "seeds"}
    assert list(three.further) == [1, 2]
    itself = identify(check_parameters(changed(raw, "models.seed", 2)))
    for stage in ("base", "retrained", "scores.retrained"):
        assert three.further[2].folder(stage) == itself.folder(stage)
        assert three.further[2][stage] == itself[stage] != before[stage]


def test_shadow_models_are_those_of_runs_with_other_seeds_of_the_trainings(raw, before):
    """However many retrained models there are beside; the unlearning's own seed is the same for all of them."""
    assert list(before.shadows) == list(range(16))
    other = identify(check_parameters(changed(changed(raw, "models.seed", 2), "models.retrained.seeds", 4)))
    for stage in ("scores.unlearned", "scores.retrained"):
        assert before.shadows[2][stage].sha256 == other[stage].sha256 != before[stage].sha256
        assert before.shadows[0][stage].sha256 == before[stage].sha256
    assert list(other.shadows) == list(range(2, 18))


def test_a_stage_by_itself_is_what_it_is_among_all(raw):
    several = check_parameters(changed(changed(raw, "models.retrained.seeds", 3), "unlearning.seeds", [0, 4]))
    for stage, identity in identify(several).items():
        assert identify_stage(several, stage) == identity
