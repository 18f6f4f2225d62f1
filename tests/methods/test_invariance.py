"""ILU's penalty: by hand, and the same whatever the micro-batches although a mean comes before a square."""

import math

import pytest
import torch

from blur_pipeline.methods.choice import Moment
from blur_pipeline.methods.invariance import Invariance
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.objective import Objective
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.probe import StepProbe
from tests.conftest import build_tiny_model, random_examples
from tests.methods.given import Given

EXAMPLES = random_examples(5, seed=4)
ROWS = list(range(5))


def test_the_slope_by_hand():
    outputs = Given(supervised_logits=torch.tensor([[0.0, math.log(3)]]), targets=torch.tensor([0]))
    slope = 0.75 * math.log(3)
    assert Invariance().beforehand(outputs).item() == pytest.approx(slope)
    outputs.known = lambda loss: torch.tensor(slope)
    assert Invariance()(outputs, None).item() == pytest.approx(slope**2)


def plain(model) -> torch.Tensor:
    """‖∇_{w|w=1} ℓ(w·z)‖² by autograd of autograd."""
    batch = EXAMPLES.batch(EXAMPLES.by_length(ROWS))
    logits = model(input_ids=batch.input_ids).logits.flatten(0, 1)[batch.predicting]
    w = torch.ones((), requires_grad=True)
    nll = torch.nn.functional.cross_entropy(w * logits, batch.targets)
    (slope,) = torch.autograd.grad(nll, w, create_graph=True)
    return slope.square()


@pytest.mark.parametrize("size", [None, 1, 2])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_it_is_the_square_of_the_step_s_mean(size, dropout):
    recipe, engine = Recipe(retain={"kind": "invariance"}), Engine(micro_batch_size=size)
    model = build_tiny_model(dropout=dropout)
    with torch.no_grad():  # away from fresh weights, whose logits are nearly even
        for p in model.parameters():
            p.mul_(3)
    ready = prepare(model, recipe, engine, torch.device("cpu"))
    objective = Objective({"retain": list(recipe.retain)}, {"retain": EXAMPLES}, model, None, engine, ready.device)
    probe = StepProbe(objective, {"retain": ROWS}, ready.weights, 0, Moment(), 1, False)
    loss, gradient = probe.gradient()
    known = objective.foresee({"retain": ROWS}, Moment())["retain"][recipe.retain[0]]
    if dropout:  # the pass that foresees leaves out what the other does
        assert loss == probe.loss()
        return
    expected = plain(model)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert known.square().item() == pytest.approx(expected.item(), rel=1e-5)
    for found, wanted in zip(gradient, torch.autograd.grad(expected, list(model.parameters())), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)
