"""Distillation from adjusted distributions: by hand, identities, and which tokens count."""

import math

import pytest
import torch
from pydantic import ValidationError

from blur_pipeline.methods.distillation import CEU, UNDIAL, Entropy, UGradSL
from blur_pipeline.methods.forget import GradientAscent
from tests.methods.given import Given


def outputs(*probabilities, targets=None, sequence=None) -> Given:
    logits = torch.tensor(probabilities).log().requires_grad_()
    n = len(probabilities)
    return Given(
        supervised_logits=logits,
        position_logits=logits,
        targets=torch.tensor(targets or [0] * n),
        sequence=torch.tensor(sequence or [0] * n),
    )


def gradient(loss, model, reference=None):
    return torch.autograd.grad(loss(model, reference), model.supervised_logits())[0]


def test_ce_u_by_hand_and_without_each_answer_s_first_token():
    row, other = [0.5, 0.25, 0.25], [0.2, 0.4, 0.4]
    model = outputs(other, row, other, row, sequence=[0, 0, 1, 1])
    assert CEU()(model, None).item() == pytest.approx(2 * math.log(4))
    assert CEU().unit == "later_tokens"
    assert gradient(CEU(), model)[[0, 2]].abs().max() == 0


def test_ce_u_s_aim_is_constant_and_takes_the_token_s_probability_away():
    """∇ = p − q: the token's logit goes down by p_y, the others' up in their own proportions."""
    model = outputs([0.2, 0.4, 0.4], [0.5, 0.375, 0.125])
    torch.testing.assert_close(gradient(CEU(), model)[1], torch.tensor([0.5, 0.375 - 0.75, 0.125 - 0.25]))


def test_undial_by_hand():
    reference, model = outputs([0.5, 0.5]), outputs([0.9, 0.1])
    expected = -(0.25 * math.log(0.9) + 0.75 * math.log(0.1))
    assert UNDIAL(beta=math.log(3))(model, reference).item() == pytest.approx(expected)


def test_undial_without_a_penalty_rests_at_the_target_model():
    model, reference = outputs([0.5, 0.3, 0.2], targets=[2]), outputs([0.5, 0.3, 0.2])
    assert gradient(UNDIAL(beta=0), model, reference).abs().max() < 1e-7
    assert gradient(UNDIAL(beta=1), model, reference)[0, 2] > 0.05  # descent lowers the token's logit


def test_ugradsl_by_hand_and_without_smoothing_it_is_ascent():
    assert UGradSL(smoothing=-1)(outputs([0.5, 0.5]), None).item() == pytest.approx(math.log(0.5))
    expected = 1.5 * math.log(0.25) - 0.5 * (math.log(0.25) + math.log(0.75)) / 2
    assert UGradSL(smoothing=-0.5)(outputs([0.25, 0.75]), None).item() == pytest.approx(expected)
    model = outputs([0.5, 0.3, 0.2], targets=[1])
    torch.testing.assert_close(gradient(UGradSL(smoothing=0), model), gradient(GradientAscent(), model))


def test_ugradsl_pulls_towards_a_uniform_guess():
    """∇ = (1 − a)(1_y − p) + a(1/V − p): with a = −1, p = (.1, .8, .1), y the first, the second logit falls
    by 2·.8 + 1/3 − .8 less than by ascent alone."""
    p = torch.tensor([0.1, 0.8, 0.1])
    expected = 2 * (torch.tensor([1.0, 0, 0]) - p) - (1 / 3 - p)
    torch.testing.assert_close(gradient(UGradSL(smoothing=-1), outputs(p.tolist()))[0], expected)


def test_entropy_by_hand_and_flat_beyond_its_share():
    sure, half = [1.0 - 3e-7, 1e-7, 1e-7, 1e-7], [0.5, 0.5 - 2e-7, 1e-7, 1e-7]
    assert Entropy(share=0.7)(outputs(sure), None).item() == pytest.approx(0.7 * math.log(4), abs=1e-5)
    assert Entropy(share=0.7)(outputs(half), None).item() == pytest.approx((1.4 - 1) * math.log(2), abs=1e-5)
    model = outputs([0.25, 0.25, 0.25, 0.25], [0.3, 0.3, 0.2, 0.2])
    assert Entropy(share=0.7)(model, None).item() == 0.0
    assert gradient(Entropy(share=0.7), model).abs().max() == 0


def test_entropy_at_every_position_or_where_the_answer_is_predicted():
    model = Given(position_logits=torch.zeros(5, 4), supervised_logits=torch.zeros(2, 4))
    everywhere, answers = Entropy(share=1.0), Entropy(share=1.0, prompt=False)
    assert (everywhere.unit, answers.unit) == ("positions", "tokens")
    peaked = Given(position_logits=torch.eye(4)[[0] * 5] * 100, supervised_logits=torch.eye(4)[[0] * 2] * 100)
    assert everywhere(peaked, None).item() == pytest.approx(5 * math.log(4))
    assert answers(peaked, None).item() == pytest.approx(2 * math.log(4))
    assert everywhere(model, None).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "values"), [(UGradSL, {"smoothing": 0.1}), (UNDIAL, {"beta": -1}), (Entropy, {"share": 1.1})]
)
def test_bounds(loss, values):
    with pytest.raises(ValidationError):
        loss(**values)
