"""What bf16 keeps besides the bfloat16 weights, and which weights it casts again after a step."""

import copy

import pytest
import torch

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples

CPU = torch.device("cpu")
BF16 = Engine(precision="bf16")
LORA = Recipe(scope={"kind": "lora", "rank": 2})


def of_bfloat16(model):
    """As the checkpoint of a large model is: float32 here, with nothing that bfloat16 does not hold."""
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16().float()
    return model


def test_of_a_bfloat16_checkpoint_no_frozen_weight_is_held_twice():
    model = of_bfloat16(build_tiny_model())
    size = sum(p.numel() for p in model.parameters())
    ready = prepare(model, LORA, BF16, CPU)
    frozen = [p for p in ready.model.parameters() if not p.requires_grad]
    assert sum(p.nbytes for p in frozen) == 2 * size
    assert [kept for kept in ready.weights.frozen.originals if kept is not None] == []


def test_of_another_the_originals_are_kept_and_come_back(monkeypatch):
    brought, cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda weight: brought.append(cpu(weight)) or brought[-1])
    model = build_tiny_model()
    before = {p.data_ptr() for p in model.parameters()}
    ready = prepare(model, LORA, BF16, CPU)
    norms = [p for n, p in ready.model.named_parameters() if "norm" in n]  # of ones, which bfloat16 holds
    kept = [original for original in ready.weights.frozen.originals if original is not None]
    assert len(kept) == len(before) - len(norms)
    assert {original.data_ptr() for original in kept} < before  # not copied
    assert {id(original) for original in kept} <= {id(weight) for weight in brought}  # from a GPU too


@pytest.mark.parametrize("make", [build_tiny_model, lambda: of_bfloat16(build_tiny_model())])
@pytest.mark.parametrize("scope", [LORA.scope, {"kind": "modules", "patterns": ["*.layers.1.mlp.*"]}])
def test_frozen_weights_come_back_as_they_were(make, scope):
    before = make()
    recipe = Recipe(scope=scope)
    ready = prepare(copy.deepcopy(before), recipe, BF16, CPU)
    after = {n: p.dtype for n, p in ready.model.named_parameters()}
    assert set(after.values()) == {torch.bfloat16}
    ready.weights.finish()
    for name, value in recipe.scope.close(ready.model).state_dict().items():
        assert torch.equal(value, before.state_dict()[name]), name  # a new adapter adds nothing


def test_a_weight_that_no_loss_reached_is_not_cast_again():
    recipe = Recipe(forget={"kind": "rmu", "layer": 0}, retain={"kind": "activation_mse", "layer": 0})
    model = build_tiny_model()
    versions = []

    def watch(row: dict) -> None:
        versions.append({name: parameter._version for name, parameter in model.named_parameters()})

    examples = random_examples(4, seed=1)
    train(model, Run(recipe, Schedule(steps=3, batch_size=4), examples, examples, engine=BF16, watchers=[watch]))
    for name in versions[0]:
        reached = name.startswith(("model.layers.0.", "model.embed_tokens."))
        assert (versions[2][name] > versions[1][name] > versions[0][name]) == reached, name
        assert (versions[2][name] == versions[0][name]) != reached, name
