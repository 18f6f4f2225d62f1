"""Models that a node would put aside are not read, and all others are."""

import pytest
from kedro.io.core import Version

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.datasets.pretrained import READING, CausalLMDataset
from blur_pipeline.hooks.unread import Unread, puts_aside
from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.models.sources import AbsentModel
from blur_pipeline.pipeline_registry import register_pipelines
from tests.config.test_parameters import changed, load

GIVEN = {"kind": "given", "path": "somewhere"}
CASES = {
    "results.stress.attack_target_model": ("stress.profile", "off"),
    "results.target.score_gradients": ("evaluation.gradient_norms", False),
    "results.retrained.measure_general_ability": ("general.tasks", {}),
    "results.unlearned.answer_forbidden_prompts": ("safety.sets", {}),
    "models.to_compare.obtain_target_model": ("models.target", GIVEN),
    "models.to_compare.obtain_retrained_model": ("models.retrained", {"kind": "absent", "reason": "none"}),
}
TASK = {
    "general.tasks": {"wmdp_bio": {"path": "questions.json"}},
    "safety.sets": {"jbb": {"path": "x.csv", "column": "Goal"}},
}


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


@pytest.mark.parametrize("node", CASES)
def test_what_is_switched_off_reads_no_model_and_what_is_not_does(node, raw):
    name, off = CASES[node]
    assert node in {n.name for n in register_pipelines()["__default__"].nodes}
    assert puts_aside(node, "target_model", check_parameters(changed(raw, name, off)))
    there = changed(raw, name, TASK[name]) if name in TASK else raw
    assert not puts_aside(node, "target_model", check_parameters(there))


def test_the_control_is_read_where_there_is_no_retrained_model_to_attack(raw):
    """Four models, for an empty table, in every run that has one."""
    control = "results.stress.attack_control"
    model = "unlearned_model"
    assert puts_aside(control, model, check_parameters(raw))
    absent = changed(raw, "models.retrained", {"kind": "absent", "reason": "none"})
    assert not puts_aside(control, model, check_parameters(absent))
    assert puts_aside(control, model, check_parameters(changed(absent, "stress.profile", "off")))


@pytest.mark.parametrize(
    ("attacks", "beside"),
    [
        ({"lens": {}}, set()),
        ({"lens": {}, "surgery": {}}, {"base_model", "target_model"}),
        ({"depth": {}}, {"target_model", "retrained_model"}),
    ],
)
def test_of_the_models_beside_an_attacked_one_those_are_read_that_an_attack_looks_at(raw, attacks, beside):
    parameters = check_parameters(changed(raw, "stress.profiles", {"quick": {"seeds": 1, "attacks": attacks}}))
    for model in MODELS:
        [node] = [n for n in register_pipelines()["__default__"].nodes if n.name.endswith(f".attack_{model}_model")]
        assert len(set(node.inputs)) == len(node.inputs)
        models = [name for name in node.inputs if name.endswith("_model")]
        assert {name for name in models if not puts_aside(node.name, name, parameters)} == {f"{model}_model", *beside}


def test_nothing_else_puts_a_model_aside(raw):
    every = raw
    for name, off in CASES.values():
        every = changed(every, name, off)
    parameters = check_parameters(every)
    nodes = [n.name for n in register_pipelines()["__default__"].nodes if puts_aside(n.name, "", parameters)]
    assert {name.rpartition(".")[2] for name in nodes} == {
        *(f"attack_{of}" for of in ("target_model", "retrained_model", "unlearned_model", "control")),
        *("score_gradients", "measure_general_ability", "answer_forbidden_prompts"),
        *("obtain_target_model", "obtain_retrained_model"),
    }


def test_a_model_that_is_put_aside_is_not_read(raw, tmp_path, tiny_model):
    """Nor is its file touched: it holds nothing that could be read. Outside of a node it is."""
    dataset = CausalLMDataset(str(tmp_path / "model"), Version(None, "one"))
    dataset.save(tiny_model)
    weights = next((tmp_path / "model").rglob("*.safetensors"))
    hook = Unread(type("Door", (), {"parameters": check_parameters(changed(raw, "stress.profile", "off"))}))
    attack, score = (
        next(n for n in register_pipelines()["__default__"].nodes if n.name == name)
        for name in ("results.stress.attack_target_model", "results.target.score_tokens")
    )
    hook.before_dataset_loaded(dataset_name="target_model", node=score)
    assert sum(p.numel() for p in dataset.load().parameters()) == sum(p.numel() for p in tiny_model.parameters())
    hook.before_dataset_loaded(dataset_name="target_model", node=attack)
    kept = weights.read_bytes()
    weights.write_bytes(b"")
    assert isinstance(dataset.load(), AbsentModel)
    weights.write_bytes(kept)
    hook.after_dataset_loaded()
    assert not READING.aside
    assert not isinstance(dataset.load(), AbsentModel)
