"""Losses of margins by hand, and what the published code gets wrong about them."""

import pytest
import torch

from blur_pipeline.methods.margins import InvertedHinge, LogitMargin
from blur_pipeline.models.examples import IGNORED, Examples
from blur_pipeline.models.forward import Forward
from tests.conftest import build_tiny_model
from tests.methods.given import Given


def outputs(logits, targets) -> Given:
    return Given(supervised_logits=torch.tensor(logits, requires_grad=True), targets=torch.tensor(targets))


def test_inverted_hinge_by_hand():
    logits = torch.tensor([0.5, 0.25, 0.25]).log().tolist()
    assert InvertedHinge()(outputs([logits], [0]), None).item() == pytest.approx(5 / 4)
    assert InvertedHinge()(outputs([logits], [1]), None).item() == pytest.approx(3 / 4)


def test_inverted_hinge_of_logits_between_zero_and_one():
    """Published defect: logits that all lie in [0, 1] were taken for probabilities."""
    p = torch.tensor([0.0, 0.5, 1.0]).softmax(-1)
    assert InvertedHinge()(outputs([[0.0, 0.5, 1.0]], [0]), None).item() == pytest.approx((1 + p[0] - p[2]).item())


def test_inverted_hinge_moves_mass_from_the_token_to_the_next_best():
    model = outputs([[2.0, 1.0, 0.0]], [0])
    (gradient,) = torch.autograd.grad(InvertedHinge()(model, None), model.supervised_logits())
    p = torch.tensor([2.0, 1.0, 0.0]).softmax(-1)
    expected = p[0] * (torch.eye(3)[0] - p) - p[1] * (torch.eye(3)[1] - p)
    torch.testing.assert_close(gradient[0], expected)


def test_logit_margin_by_hand():
    assert LogitMargin()(outputs([[3.0, 0.0, 0.0], [5.0, 5.0, 5.0]], [0, 1]), None).item() == pytest.approx(4.0)


def test_logit_margin_is_taken_where_a_supervised_token_is_predicted():
    """Published defect: the labels' mask was not shifted, so each loss stood one position too far right: the last
    token of the prompt, which predicts the answer's first, was left out."""
    ids = torch.tensor([5, 6, 7, 8, 9])
    labels = torch.tensor([IGNORED, IGNORED, 7, 8, IGNORED])
    model = build_tiny_model()
    logits = model(ids[None]).logits[0].float()
    squares = (logits.amax(-1) - logits.mean(-1)).square()
    examples = Examples.from_columns([ids.tolist()], [labels.tolist()])
    value = LogitMargin()(Forward(model, examples.batch([0])), None)
    torch.testing.assert_close(value, squares[1] + squares[2])
    assert value.item() != pytest.approx((squares[2] + squares[3]).item(), rel=1e-4)
