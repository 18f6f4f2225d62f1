"""Losses of hidden states: by hand, in bfloat16, and what they have to know beforehand."""

import copy
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from blur_pipeline.methods.choice import Moment
from blur_pipeline.methods.forget import RMU
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.representation import ActivationNorm, AdaptiveRMU, RepresentationRerouting
from blur_pipeline.methods.retain import ActivationMSE
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples
from tests.methods.given import Given

CPU = torch.device("cpu")


def at(step: int, steps: int, *states) -> Given:
    """Several layers' hidden states of some positions."""
    return Given(hidden_at=torch.tensor(states), moment=Moment(step, steps))


def test_adaptive_rmu_steers_each_position_by_its_length_in_the_target_model():
    u0, u1 = (RMU(layer=0).direction(topic, 4) for topic in (0, 1))
    topics = ((0, 1), torch.tensor([0, 1, 1]))
    reference = Given(hidden=torch.tensor([[2.0, 0, 0, 0], [0, 0, 3.0, 4.0], [1.0, 0, 0, 0]]))
    model = Given(hidden=torch.stack([10 * u0, 25 * u1, 5 * u1 + 2]), topics=topics)
    assert AdaptiveRMU(layer=0, scale=5)(model, reference).item() == pytest.approx(4.0, rel=1e-5)  # the last is off


def test_a_topic_s_coefficient_is_measured_over_all_of_its_rows():
    """The published code takes a topic's first batch, of which the second topic's is one update late."""
    topics = np.array([0, 1, 0, 1, 1, 0, 0])
    examples = random_examples(7, seed=1)
    object.__setattr__(examples, "topics", topics)
    before = build_tiny_model()
    loss = AdaptiveRMU(layer=1, scale=5, coefficient="topic")
    recipe = Recipe(forget=loss, retain={"kind": "none"})
    ready = prepare(copy.deepcopy(before), recipe, Engine(), CPU, sets={"forget": examples})
    measured = ready.recipe.forget[0].measured
    for topic in (0, 1):
        rows = np.flatnonzero(topics == topic).tolist()
        lengths = Forward(before, examples.batch(rows)).hidden(1).norm(dim=-1)
        assert measured[topic] == pytest.approx(lengths.mean().item(), rel=1e-5)
    aimed = Given(hidden=5 * measured[1] * RMU(layer=0).direction(1, 16)[None], topics=((1,), torch.tensor([0])))
    assert ready.recipe.forget[0](aimed, None).item() == pytest.approx(0, abs=1e-9)
    assert recipe.forget[0].measured is None
    assert all(module.training for module in ready.model.modules())


def test_a_stated_coefficient_is_not_measured():
    loss = AdaptiveRMU(layer=1, coefficient="topic", measured={0: 3.0})
    assert loss.looked(None) is loss


def test_rr_by_hand():
    reference = at(0, 1, [[1.0, 0.0]] * 3, [[1.0, 0.0]] * 3)
    turned = [[1.0, 1.0], [0.0, 2.0], [-1.0, 0.1]]
    model = at(0, 1, turned, [[3.0, 0.0]] * 3)
    expected = (1 / math.sqrt(2) + 0 + 0 + 3) / 2
    assert RepresentationRerouting(layers=(0, 1))(model, reference).item() == pytest.approx(expected)


def test_activation_norm_by_hand_and_without_a_gradient_where_nothing_moved():
    reference = at(0, 1, [[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]])
    states = torch.tensor([[[3.0, 4.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 3.0]]], requires_grad=True)
    model = Given(hidden_at=states, moment=Moment())
    value = ActivationNorm(layers=(0, 1))(model, reference)
    assert value.item() == pytest.approx((5 + 2) / 2)
    (gradient,) = torch.autograd.grad(value, states)
    assert gradient.tolist() == [[[pytest.approx(0.3), pytest.approx(0.4)], [0, 0]], [[0, 0], [0, 0.5]]]


def test_the_coefficients_cross_as_the_training_goes_on():
    """(1 − t/2T) and t/2T: after 75 of 150 steps 3/4 and 1/4. The published counter counts calls, so micro-batches."""
    here, there = at(75, 150, [[2.0, 0.0]]), at(75, 150, [[1.0, 0.0]])
    assert RepresentationRerouting(layers=(0,))(here, there).item() == pytest.approx(3 / 4)
    assert RepresentationRerouting(layers=(0,), fades=False)(here, there).item() == pytest.approx(1)
    assert ActivationNorm(layers=(0,), grows=True)(here, there).item() == pytest.approx(1 / 4)
    assert ActivationNorm(layers=(0,))(here, there).item() == pytest.approx(1)


def test_of_weight_zero_rr_leaves_the_retain_loss_alone(forget_examples, retain_examples):
    kept = [{"kind": "activation_norm", "layers": [0, 1]}, {"kind": "nll"}]
    found = []
    for forget in ({"kind": "rr", "layers": [0, 1], "weight": 0.0}, {"kind": "none"}):
        recipe = Recipe(forget=forget, retain=kept, optimizer={"kind": "adamw", "lr": 1e-3})
        run = Run(recipe, Schedule(steps=3, batch_size=5), retain_examples, forget_examples)
        found.append(train(build_tiny_model(), run)[0].state_dict())
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


def test_several_layers_are_one_pass_of_each_model(retain_examples):
    ran = []
    model = build_tiny_model(layers=4)
    for number, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    recipe = Recipe(retain={"kind": "activation_norm", "layers": [0, 2]},
                    scope={"kind": "modules", "patterns": ["*.layers.1.mlp.*"]})  # fmt: skip
    ready = prepare(model, recipe, Engine(), CPU)
    forward = Forward(ready.model, retain_examples.batch([0, 1]))
    states = forward.hidden_at((2, 0))
    assert ran == [0, 1, 2]
    ready.reference.outputs(forward).hidden_at((0, 2))
    assert ran[3:] == [1, 2]  # below the first trained layer the two are one
    torch.testing.assert_close(states[0], Forward(ready.model, forward.batch).hidden(2))
    torch.testing.assert_close(states[1], Forward(ready.model, forward.batch).hidden(0))


@pytest.mark.parametrize("loss", [RMU(layer=0, steering=300), AdaptiveRMU(layer=0), ActivationMSE(layer=0)])
def test_of_bfloat16_states_only_the_states_are_rounded(loss):
    """The aim was rounded to bfloat16 and what is left to it too: 2⁻⁹ of c, of a gap that may be small."""
    draw = torch.Generator().manual_seed(0)
    states = [torch.randn(64, 32, generator=draw).bfloat16() for _ in range(2)]
    topics = ((0,), torch.zeros(64, dtype=torch.int64))
    ours, exact = (
        loss(*(Given(hidden=state.to(dtype), topics=topics) for state in states)).item()
        for dtype in (torch.bfloat16, torch.float64)
    )
    assert ours == pytest.approx(exact, rel=1e-6)


def test_layers_are_named():
    with pytest.raises(ValidationError, match="at least 1 item"):
        ActivationNorm(layers=())
    with pytest.raises(ValueError, match="layer 7 does not exist"):
        prepare(build_tiny_model(), Recipe(forget={"kind": "rr", "layers": [7, 0]}), Engine(), CPU)
