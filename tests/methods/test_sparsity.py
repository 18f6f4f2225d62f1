"""The price on weights: by hand, once a step however it is cut, and its decay."""

import copy

import pytest
import torch

from blur_pipeline.methods.choice import Moment
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.sparsity import L1
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model


def test_by_hand():
    weight = torch.tensor([1.0, -2.0, 0.0], requires_grad=True)
    value = L1()(weight, Moment(0, 10))
    assert value.item() == 3.0
    assert torch.autograd.grad(value, weight)[0].tolist() == [1.0, -1.0, 0.0]


@pytest.mark.parametrize(
    ("price", "step", "left"),
    [(L1(), 5, 0.5), (L1(free=0.5), 2, 0.6), (L1(free=0.5), 5, 0), (L1(free=0.5), 8, 0), (L1(decays=False), 9, 1)],
)
def test_it_decays_to_the_free_part(price, step, left):
    assert price(torch.ones(4), Moment(step, 10)).item() == pytest.approx(4 * left)


@pytest.mark.parametrize("engine", [Engine(), Engine(micro_batch_size=1), Engine(precision="bf16")])
def test_alone_it_is_the_sum_of_all_weights_and_its_gradient_their_signs(engine, forget_examples, retain_examples):
    """Published: a step is the retain loss's gradient plus a_t·sign θ."""
    before = build_tiny_model()
    recipe = Recipe(retain={"kind": "l1", "weight": 0.5})
    run = Run(recipe, Schedule(steps=1, batch_size=5), retain_examples, forget_examples, engine=engine)
    _, rows = train(copy.deepcopy(before), run)
    weights = torch.cat([p.detach().flatten() for p in before.parameters()])
    assert rows[0]["retain_loss"] == pytest.approx(0.5 * weights.abs().sum().item(), rel=1e-5)
    signs = 0.5 * weights.sign().norm().item()
    assert rows[0]["retain_gradient_norm"] == pytest.approx(signs, rel=1e-5)
    assert rows[0]["forget_gradient_norm"] == 0


def test_it_makes_weights_smaller(retain_examples):
    found = []
    for price in ([], [{"kind": "l1", "weight": 1e-2}]):
        recipe = Recipe(retain=[{"kind": "nll"}, *price], optimizer={"kind": "adamw", "lr": 1e-3, "weight_decay": 0.0})
        model, _ = train(build_tiny_model(), Run(recipe, Schedule(steps=20, batch_size=5), retain_examples))
        found.append(sum(p.abs().sum().item() for p in model.parameters()))
    assert found[1] < 0.9 * found[0]


def test_it_may_stand_beside_a_loss_in_yaml_and_goes_to_workers_and_back():
    recipe = Recipe(retain=[{"kind": "nll"}, {"kind": "l1", "weight": 1e-3}])
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert [loss.kind for _, _, loss in recipe.losses()] == ["nll"]
    assert recipe.penalties("retain") == [L1(weight=1e-3)]
    assert recipe.penalties("forget") == []
