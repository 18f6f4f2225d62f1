"""The rules that combine two gradients, by algebra on small vectors."""

import pytest
import torch
from pydantic import ValidationError

from blur_pipeline.methods.choice import Moment, Seen
from blur_pipeline.methods.weighting import Bilevel, Sum

SEEN = Seen(torch.tensor([1.0, 1.0]), {}, Moment())


def gram(*vectors: torch.Tensor) -> torch.Tensor:
    return torch.stack([torch.stack([v @ w for w in vectors]) for v in vectors])


def direction(rule, f: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    w_f, w_r = rule(gram(f, r), SEEN)
    return w_f * f + w_r * r


def test_worked_example_of_the_docstring():
    d = direction(Bilevel(gamma=1.0), torch.tensor([1.0, 0.0]), torch.tensor([-3.0, 2.0]))
    assert d.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("gamma", [1e-3, 1.0, 7.5])
@pytest.mark.parametrize("seed", range(5))
def test_the_direction_descends_the_forget_loss_by_gamma(gamma, seed):
    f, r = torch.randn(2, 50, generator=torch.Generator().manual_seed(seed))
    d = direction(Bilevel(gamma=gamma), f, r)
    torch.testing.assert_close(d @ f, gamma * (f @ f), rtol=1e-4, atol=1e-4)


def test_retain_lower_swaps_the_roles():
    f, r = torch.randn(2, 50, generator=torch.Generator().manual_seed(3))
    d = direction(Bilevel(gamma=2.0, lower="retain"), f, r)
    torch.testing.assert_close(d @ r, 2.0 * (r @ r), rtol=1e-4, atol=1e-4)
    # What is left of f is its part orthogonal to r.
    torch.testing.assert_close(d - 2.0 * r, f - (f @ r) / (r @ r) * r, rtol=1e-4, atol=1e-5)


def test_xi_may_be_negative():
    w_f, _ = Bilevel(gamma=1.0)(gram(torch.tensor([1.0, 0.0]), torch.tensor([5.0, 0.0])), SEEN)
    assert w_f.item() == -4.0


@pytest.mark.parametrize("lower", ["forget", "retain"])
def test_a_zero_lower_gradient_leaves_the_upper_one(lower):
    zero, other = torch.zeros(3), torch.tensor([1.0, 2.0, 3.0])
    f, r = (zero, other) if lower == "forget" else (other, zero)
    assert direction(Bilevel(lower=lower), f, r).tolist() == other.tolist()


def test_published_rmu_form_is_the_same_rule_up_to_its_factor():
    """f + α(r − f⟨f,r⟩/‖f‖²) = α·(r + ξ·f) with γ = 1/α."""
    f, r = torch.randn(2, 20, generator=torch.Generator().manual_seed(4))
    alpha = 800.0
    published = f + alpha * (r - f * (f @ r) / (f @ f))
    ours = direction(Bilevel(gamma=1 / alpha), f, r)
    torch.testing.assert_close(published, alpha * ours, rtol=1e-4, atol=1e-3)


def test_sum_is_the_plain_weighted_sum():
    f, r = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])
    assert direction(Sum(forget=0.5, retain=2.0), f, r).tolist() == [6.5, -1.0]


@pytest.mark.parametrize("gamma", [0, -1])
def test_gamma_is_positive(gamma):
    with pytest.raises(ValidationError, match="greater than 0"):
        Bilevel(gamma=gamma)
