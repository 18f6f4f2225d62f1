"""Unlikelihood: by hand, flat where the token is gone, and finite where it is certain."""

import math

import pytest
import torch

from blur_pipeline.methods.unlikelihood import Unlikelihood
from tests.methods.given import Given


def outputs(*logits: list[float]) -> Given:
    """The first token of each position is the one to forget."""
    z = torch.tensor(logits, requires_grad=True)
    return Given(supervised_logits=z, targets=torch.zeros(len(logits), dtype=torch.long))


def test_by_hand():
    """p = ½ and p = ¾: log 2 + log 4."""
    value = Unlikelihood()(outputs([0.0, 0.0], [math.log(3), 0.0]), None).item()
    assert value == pytest.approx(math.log(2) + math.log(4))


def test_its_gradient_ends_with_the_probability_where_that_of_ascent_stays_one():
    """∂/∂z_y of −log(1 − p) is p, of −ℓ it is 1 − p: at p = 0.01 a ninety-ninth of the push."""
    model = outputs([math.log(0.01), math.log(0.99)])
    [slope] = torch.autograd.grad(Unlikelihood()(model, None), model.supervised_logits())
    assert slope[0].tolist() == pytest.approx([0.01, -0.01], rel=1e-4)


def test_a_certain_token_is_finite_and_pushed_whole():
    model = outputs([60.0, 0.0])
    value = Unlikelihood()(model, None)
    assert value.item() == pytest.approx(60.0)
    assert torch.autograd.grad(value, model.supervised_logits())[0][0].tolist() == pytest.approx([1.0, -1.0])
