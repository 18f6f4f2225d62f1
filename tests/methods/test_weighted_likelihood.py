"""Ascent with weights: by hand, by the identities that tie them to each other, and no gradient through a weight."""

import math

import pytest
import torch

from blur_pipeline.methods.forget import GradientAscent
from blur_pipeline.methods.weighted_likelihood import TNPO, WGA, SatImp
from tests.methods.given import Given

TARGETS = torch.tensor([0, 3, 1])


def outputs(seed: int = 0) -> Given:
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(seed)).mul(2).requires_grad_()
    return Given(supervised_logits=logits, targets=TARGETS, sequence=torch.tensor([0, 0, 1]))


def value_and_gradient(loss, model: Given, reference: Given | None = None):
    value = loss(model, reference)
    return value.detach(), *torch.autograd.grad(value, model.supervised_logits())


def of_probability(p: float) -> Given:
    logits = torch.tensor([[p, 1 - p]]).log()
    return Given(supervised_logits=logits, targets=torch.tensor([0]), sequence=torch.tensor([0]))


def test_by_hand():
    half, quarter = of_probability(0.5), of_probability(0.25)
    assert WGA(beta=1)(half, None).item() == pytest.approx(0.5 * math.log(0.5))
    assert SatImp(beta1=1, beta2=1)(half, None).item() == pytest.approx(0.25 * math.log(0.5))
    assert SatImp(beta1=1, beta2=2)(quarter, None).item() == pytest.approx(0.25 * 0.75**2 * math.log(0.25))
    assert TNPO(beta=1)(half, quarter).item() == pytest.approx(4 / 3 * math.log(0.5))
    assert TNPO(beta=2)(half, quarter).item() == pytest.approx(2 * (1 / 4) / (1 / 4 + 1 / 16) * math.log(0.5))


@pytest.mark.parametrize(
    ("loss", "other"),
    [
        (WGA(beta=0), GradientAscent()),
        (SatImp(beta1=0, beta2=0), GradientAscent()),
        (SatImp(beta1=2, beta2=0), WGA(beta=2)),
        (TNPO(beta=0), GradientAscent()),
    ],
)
def test_identities(loss, other):
    model, reference = outputs(), outputs(seed=1)
    ours, theirs = value_and_gradient(loss, model, reference), value_and_gradient(other, model)
    torch.testing.assert_close(ours, theirs)


def test_tnpo_at_the_target_model_is_gradient_ascent():
    model = outputs()
    torch.testing.assert_close(
        value_and_gradient(TNPO(beta=3), model, model), value_and_gradient(GradientAscent(), model)
    )


@pytest.mark.parametrize("loss", [WGA(beta=2), SatImp(beta1=2, beta2=1), TNPO(beta=2)])
def test_no_gradient_goes_through_a_weight(loss):
    """The gradient is Σ w·∇log p with w a number: that of log p has length √Σ(1_y − p)² per token."""
    model, reference = outputs(), outputs(seed=1)
    _, gradient = value_and_gradient(loss, model, reference)
    p, p0 = (x.supervised_logits().detach().softmax(-1) for x in (model, reference))
    at = (torch.arange(3), TARGETS)
    weights = {
        "wga": p[at] ** 2,
        "satimp": p[at] ** 2 * (1 - p[at]),
        "tnpo": 2 * p[at] ** 2 / (p[at] ** 2 + p0[at] ** 2),
    }[loss.kind]
    torch.testing.assert_close(gradient, weights[:, None] * (torch.nn.functional.one_hot(TARGETS, 5) - p))


def test_a_certain_or_hopeless_token_is_a_finite_number():
    """Published: 1e-5 below the line of TNPO's weight, so that a token improbable under both lost its push."""
    logits = torch.tensor([[0.0, 200.0], [200.0, 0.0]], requires_grad=True)
    model = Given(supervised_logits=logits, targets=torch.tensor([0, 0]), sequence=torch.tensor([0, 0]))
    for loss in (WGA(), SatImp(), TNPO()):
        _, gradient = value_and_gradient(loss, model, model)
        assert gradient.isfinite().all(), loss.kind
    assert gradient[0, 0].item() == pytest.approx(1.0)  # TNPO's
