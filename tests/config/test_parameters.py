"""Wrong parameters end in one sentence that names the key."""

import copy

import pytest

from blur_pipeline.config.campaign import Campaign
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import Parameters, check_parameters
from blur_pipeline.config.sections import sections
from tests.resolved import resolved, with_method


def load(project, env="base", method=None, **runtime) -> dict:
    """The parameters as they stand in YAML, to be changed at will."""
    raw = copy.deepcopy(resolved(env, **runtime))
    return with_method(raw, method) if method else raw


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


def changed(raw: dict, key: str, value) -> dict:
    tree = copy.deepcopy(raw)
    *path, last = key.split(".")
    branch = tree
    for part in path:
        branch = branch[part]
    branch[last] = value
    return tree


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("unlearning.method", "blurr_npo", r"unknown method 'blurr_npo'; did you mean 'blur_npo'\?$"),
        ("methdo", "npo", r"Parameter 'methdo' is unknown; did you mean 'method'\?$"),
        ("curation.max_lenght", 10, r"'curation.max_lenght' is unknown; did you mean 'max_length'\?$"),
        ("curation.colour", 10, "'curation.colour' is unknown; check its spelling against conf/base/parameters\\.$"),
        ("models.base.hiden_size", 8, r"'models.base.hiden_size' is unknown; did you mean 'hidden_size'\?$"),
        ("unlearning.methods.npo.forget.beta", 0, "beta.*greater than 0, not 0"),
        ("unlearning.methods.npo.forget.betta", 1, r"npo.forget.betta' is unknown; did you mean 'beta'\?$"),
        ("unlearning.methods.npo.forget.kind", "nop", "forget"),
        ("unlearning.methods.blur_npo.forget", {"kind": "level_hinge"}, "level"),
        (
            "unlearning.methods.blur_npo.forget",
            {"kind": "level_square", "level": "measured", "measured_on": "held"},
            "measured_on 'held' is no set of this run, which has forget, retain, holdout",
        ),
        ("unlearning.methods.rmu.schedule", {"epoch": 3}, "unlearning.*epoch"),
        ("unlearning.schedule.batch_size", -1, "unlearning.schedule.batch_size.*greater than 0, not -1"),
        ("device", "gpu", "device"),
        ("stress.attacks.none", {"kind": "noise"}, "Parameter 'stress.attacks': no attack can be called 'none'"),
        ("seed", "x", "Parameter 'seed'"),
        ("curation.overlap.policy", "drop", "curation.overlap.policy"),
        ("unlearning.method", "npo", "Parameters disagree: 'method' is blur_npo and 'unlearning.method' npo"),
        ("unlearning.methods.blur_npo.weighting.gamma", float("inf"), "weighting.gamma': .* a finite number, not inf"),
        ("unlearning.methods.npo.optimizer.betas", [0.9, float("nan")], "optimizer.betas.1': .* number, not nan"),
        (
            "unlearning.methods.blur_npo.forget",
            {"kind": "level_square", "level": float("inf"), "measured_on": "retain"},
            "blur_npo.forget.level': .* finite number, not inf",
        ),
        ("unlearning.methods.npo.ranges", {"a": {"choices": [1, float("inf")]}}, r"choices.1': .* number, not inf\.$"),
        ("comparison.distance", [{"metric": "verbmem", "scale": 0}], "comparison.distance.0.scale.*greater than 0"),
        ("comparison.distance", [{"metric": "verbmem", "to": float("nan")}], "comparison.distance.0.to.*finite"),
        ("comparison.distance", [], "'comparison.distance'.*at least 1"),
        (
            "comparison.distance",
            [{"metric": "verbmem", "optional": True}],
            r"Parameter 'comparison\.distance': every measure is optional, .* give one without 'optional'\.$",
        ),
        ("comparison.floor", 80, "comparison.floor.*less than or equal to 1, not 80"),
        ("benchmark", "../x", "Parameter 'benchmark'"),
        ("variant", "a/../../b", "Parameter 'variant'"),
        ("checkpoint_folder", "/elsewhere/x", "checkpoints must lie inside data/"),
        ("checkpoint_folder", "data/../../x", "checkpoints must lie inside data/"),
        ("seed", 2**32, "Parameter 'seed'"),
        ("sources.forget", {"kind": "files"}, "sources.forget.*path"),
    ],
)
def test_a_wrong_parameter_is_one_sentence_that_names_it(raw, key, value, message):
    with pytest.raises(BadInputError, match=message) as caught:
        check_parameters(changed(raw, key, value))
    assert "\n" not in str(caught.value)


def test_no_block_takes_a_number_that_is_infinite_or_none():
    blocks = {section.block for root in (Parameters, Campaign) for section in sections(root)}
    assert {block.__name__ for block in blocks if block.model_config.get("allow_inf_nan") is not False} == set()


def test_a_kind_may_be_switched_over_the_base_environment_s(raw):
    """Kedro merges the two environments, so fields of the old kind remain; they are dropped, typos are not."""
    switched = changed(raw, "models.base.kind", "pretrained")
    switched["models"]["base"]["path"] = "some/model"
    assert check_parameters(switched).models.base.path == "some/model"
    switched["models"]["base"]["pth"] = "typo"
    with pytest.raises(BadInputError, match=r"models.base.*pth"):
        check_parameters(switched)


def test_the_method_is_chosen_at_run_time(project):
    said = resolved(method="rmu")
    assert said == load(project, method="rmu")  # which tests take instead
    parameters = check_parameters(said)
    assert parameters.method == "rmu"
    assert parameters.unlearning.recipe.forget[0].kind == "rmu"
    assert parameters.unlearning.schedule_of("rmu").epochs == 13  # its own; the common schedule has 22


def test_a_method_that_takes_a_model_asks_for_its_folder(project):
    with pytest.raises(BadInputError, match=r"'given' takes a model of yours; name its folder in unlearning\.methods\."
                                            r"given\.edit\.path"):  # fmt: skip
        check_parameters(load(project, method="given"))


def test_a_registry_in_which_nobody_is_retained(raw):
    with pytest.raises(BadInputError, match=r"'sources\.forget'.*people is 16, of whom 8 are forgotten and 8 held out"):
        check_parameters(changed(raw, "sources.forget.people", 16))


def test_a_bare_off_switches_stopping_off(project):
    """As the command line gives it: YAML's false."""
    best = changed(load(project), "unlearning.stopping", {"kind": "best", "every": 5})
    assert check_parameters(changed(best, "unlearning.stopping.kind", False)).unlearning.stopping.kind == "off"
