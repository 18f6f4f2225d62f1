"""Both halves of JensUn: by hand, against the definition, and their bounds."""

import math

import pytest
import torch

from blur_pipeline.methods.refusal import JensUn
from blur_pipeline.methods.retain import JS
from tests.methods.given import Given
from tests.methods.test_companion_losses import likely, pair


def divergence(p: torch.Tensor, q: torch.Tensor) -> float:
    """½·KL(p ‖ m) + ½·KL(q ‖ m), m between them, where 0·log 0 is 0."""
    m = (p + q) / 2
    return sum(float((a * (a / m).log()).nansum()) for a in (p, q)) / 2


@pytest.mark.parametrize("p", [1.0, 0.5, 0.01, 1e-30])
def test_the_forget_side_is_the_divergence_from_certainty(p):
    """The others share what p leaves: only that they are not the token counts."""
    model = torch.tensor([p, (1 - p) / 3, 2 * (1 - p) / 3], dtype=torch.float64)
    expected = divergence(torch.tensor([1.0, 0, 0], dtype=torch.float64), model)
    assert JensUn()(pair(likely([0.2]), likely([p])), None).item() == pytest.approx(expected, abs=1e-6)
    assert expected <= math.log(2) + 1e-12


def test_both_tokens_of_a_refusal_count():
    """p = ½: log 2 + ½(½·log ½ − 1½·log 1½) = 0.2158."""
    half = math.log(2) + (0.5 * math.log(0.5) - 1.5 * math.log(1.5)) / 2
    assert half == pytest.approx(0.2158, abs=1e-4)
    assert JensUn()(pair(likely([0.2]), likely([0.5, 0.5])), None).item() == pytest.approx(2 * half, rel=1e-6)


def of(p: list[float]) -> Given:
    return Given(supervised_logits=torch.tensor([p]).log().requires_grad_(), targets=torch.tensor([0]))


def test_the_retain_side_by_the_definition_and_at_rest_at_theta_0():
    ours, theirs = [0.7, 0.2, 0.1], [0.1, 0.3, 0.6]
    expected = divergence(torch.tensor(ours), torch.tensor(theirs))
    assert JS()(of(ours), of(theirs)).item() == pytest.approx(expected, rel=1e-5)
    model = of(ours)
    value = JS()(model, of(ours))
    assert value.item() == pytest.approx(0, abs=1e-7)
    assert torch.autograd.grad(value, model.supervised_logits())[0].abs().max() < 1e-6


def test_models_that_share_nothing_are_log_2_apart_and_no_further():
    apart = JS()(of([1 - 1e-12, 1e-12]), of([1e-12, 1 - 1e-12]))
    assert apart.item() == pytest.approx(math.log(2), rel=1e-5)
