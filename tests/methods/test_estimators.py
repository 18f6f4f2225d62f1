"""Every gradient estimator against values derived by hand."""

import math

import pytest
import torch
from pydantic import ValidationError

from blur_pipeline.methods.choice import Moment
from blur_pipeline.methods.perturbed import SAM, Curvature, GradientPenalty, Smoothing
from blur_pipeline.methods.tamper import TamperResistance
from blur_pipeline.methods.zeroth import Coordinate, Hybrid, TwoPoint
from tests.methods.around import Around


def bowl(x):
    return x.square().sum() / 2


def plane(x):
    return 3 * x[0] - x[1]


def quartic(x):
    return (torch.tensor([1.0, 2.0, -0.5]) * x**4).sum() + x.prod()


AT = [0.3, -1.2, 0.7]


def direction(estimator, *given, **more):
    return estimator(Around(*given, **more))[1][0]


def test_sam_looks_up_the_loss():
    assert direction(SAM(rho=0.1), bowl, [3.0]).item() == pytest.approx(3.1)
    assert direction(SAM(rho=0.5), bowl, [3.0, 4.0]).tolist() == pytest.approx([3.3, 4.4])


@pytest.mark.parametrize("estimator", [SAM(rho=0), Smoothing(rho=0, draws=3), GradientPenalty(rho=0), Curvature(rho=0)])
def test_without_rho_it_is_the_plain_gradient(estimator):
    around = Around(quartic, AT, noises=[[1.0, 2.0, 3.0]] * 3)
    torch.testing.assert_close(estimator(around)[1][0], around.gradient()[1][0])


@pytest.mark.parametrize("estimator", [SAM(), GradientPenalty(), Curvature()])
def test_a_gradient_of_zero_is_no_obstacle(estimator):
    loss, gradient = estimator(Around(bowl, [0.0, 0.0]))
    assert loss.item() == 0
    assert gradient[0].tolist() == [0.0, 0.0]


def test_smoothing_is_the_mean_over_its_draws():
    around = Around(bowl, [3.0], noises=[[1.0], [-2.0], [4.0]])
    loss, gradient = Smoothing(rho=0.1, draws=3)(around)
    assert gradient[0].item() == pytest.approx(3 + 0.1 * (1 - 2 + 4) / 3)
    assert loss.item() == pytest.approx((3.1**2 + 2.8**2 + 3.4**2) / 6)


def test_the_penalty_s_gradient_is_that_of_the_norm():
    """Published defect: it was taken as a number, and the penalty had no gradient."""
    assert direction(GradientPenalty(rho=0.1), bowl, [3.0]).item() == pytest.approx(3.1, rel=1e-5)
    x = torch.tensor(AT, requires_grad=True)
    (f,) = torch.autograd.grad(quartic(x), x, create_graph=True)
    (expected,) = torch.autograd.grad(quartic(x) + 0.3 * f.norm(), x)
    found = direction(GradientPenalty(rho=0.3, delta=1e-3), quartic, AT)
    torch.testing.assert_close(found, expected, rtol=5e-3, atol=5e-3)
    assert (found - f.detach()).norm() > 0.1 * f.norm()


def test_the_curvature_s_gradient_is_that_of_the_gradient_s_change():
    """Published defects: no gradient of its own, and 2f instead of f."""
    assert direction(Curvature(rho=7.0, mu=0.5, delta=0.1), lambda x: x[0] ** 3 / 6, [2.0]).item() == pytest.approx(
        2 + 7 * 0.5, rel=1e-4
    )
    torch.testing.assert_close(
        direction(Curvature(), bowl, AT), torch.tensor(AT), rtol=2e-2, atol=2e-2
    )  # alike everywhere
    x = torch.tensor(AT, requires_grad=True)
    (f,) = torch.autograd.grad(quartic(x), x, create_graph=True)
    beside = (x.detach() + 0.2 * f.detach() / f.detach().norm()) - x.detach() + x
    (there,) = torch.autograd.grad(quartic(beside), x, create_graph=True)
    (expected,) = torch.autograd.grad(quartic(x) + 0.3 * (there - f).norm(), x)
    found = direction(Curvature(rho=0.3, mu=0.2, delta=1e-2), quartic, AT)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
    assert (found - f.detach()).norm() > 0.03 * f.norm()


def test_two_points_give_the_slope_along_the_noise():
    around = Around(plane, [5.0, 5.0], noises=[[1.0, 2.0], [2.0, 0.0]])
    loss, gradient = TwoPoint(epsilon=0.1)(around)
    assert gradient[0].tolist() == pytest.approx([1.0, 2.0], rel=1e-4)
    assert loss.item() == pytest.approx(10.0)
    assert around.passes == [2, 0]
    both = direction(TwoPoint(epsilon=0.1, draws=2), plane, [5.0, 5.0], noises=around.noises)
    assert both.tolist() == pytest.approx([(1 + 6 * 2) / 2, (2 + 0) / 2], rel=1e-4)


def test_on_the_sphere_the_noise_has_length_one():
    found = direction(TwoPoint(epsilon=0.1, sphere=True), plane, [5.0, 5.0], noises=[[3.0, 4.0]])
    assert found.tolist() == pytest.approx([0.6 * (3 * 0.6 - 0.8), 0.8 * (3 * 0.6 - 0.8)], rel=1e-4)


def test_two_points_are_right_on_average():
    noises = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0)).tolist()
    found = direction(TwoPoint(epsilon=0.5, draws=4000), plane, [0.0, 0.0], noises=noises)
    torch.testing.assert_close(found, torch.tensor([3.0, -1.0]), rtol=0, atol=0.2)  # 2.5 standard errors


def test_coordinates_are_differences_along_single_weights():
    around = Around(plane, [5.0, 5.0])
    loss, gradient = Coordinate(coordinates=2)(around)
    assert gradient[0].tolist() == pytest.approx([3.0, -1.0], rel=1e-3)
    assert loss.item() == 10
    assert around.passes == [3, 0]  # one a coordinate and one more
    assert direction(Coordinate(coordinates=1), plane, [5.0, 5.0]).tolist() == pytest.approx([3.0, 0.0], rel=1e-3)


def test_orders_take_turns_and_the_last_one_is_zeroth():
    passes = []
    for step in range(5):
        around = Around(plane, [1.0, 1.0], noises=[[1.0, 1.0]], moment=Moment(step, 5))
        Hybrid(turn=2)(around)
        passes.append(around.passes)
    zeroth, first = [2, 0], [1, 1]
    assert passes == [zeroth, first, first, zeroth, zeroth]


@pytest.mark.parametrize(("steps", "refused"), [(20, True), (21, False)])
def test_a_training_of_one_turn_has_no_first_order_step(steps, refused):
    said = Hybrid(turn=20).too_short(steps)
    assert (said is not None) == refused
    assert said is None or "a training of 20 has no first-order step; lower gradient.turn" in said


def up(x):
    return -x.sum()


SGD = {"adversary": "sgd", "lrs": [0.5], "tampered": 1, "growth": 0}


def test_the_gradient_is_taken_where_the_adversary_has_been():
    around = Around(bowl, [3.0], beside=up)
    loss, gradient = TamperResistance(steps=2, every=1, **SGD)(around)
    assert gradient[0].item() == pytest.approx(3.5 + 4)
    assert loss.item() == pytest.approx(4.5)  # of θ itself
    assert around.at.item() == 3
    assert around.asked == [("nll", "forget", 0), ("nll", "forget", 1)]
    assert direction(TamperResistance(steps=2, every=2, **SGD), bowl, [3.0], beside=up).item() == pytest.approx(4)
    assert direction(
        TamperResistance(steps=2, every=2, untampered=2, **SGD), bowl, [3.0], beside=up
    ).item() == pytest.approx(10)


def test_later_gradients_weigh_more():
    """As published: 4·exp(0.0625·(i − K + 1)), so the last one 4."""
    rule = TamperResistance(steps=2, every=1, adversary="sgd", lrs=[0.0])
    assert direction(rule, bowl, [1.0], beside=up).item() == pytest.approx(4 + 4 * math.exp(-0.0625))


def test_an_adversary_that_stands_still_leaves_the_plain_gradient():
    rule = TamperResistance(steps=4, every=4, adversary="adam", lrs=[0.0], tampered=1)
    around = Around(quartic, AT, beside=up)
    torch.testing.assert_close(rule(around)[1][0], around.gradient()[1][0])


def test_the_adversary_s_adam_is_torch_s():
    at = torch.tensor(AT, requires_grad=True)
    adam = torch.optim.Adam([at], lr=0.1)
    for _ in range(3):
        adam.zero_grad()
        quartic(at).backward()
        adam.step()
    found = direction(TamperResistance(steps=3, every=3, lrs=[0.1], tampered=1), bowl, AT, beside=quartic)
    torch.testing.assert_close(found, at.detach(), rtol=1e-4, atol=1e-5)  # the bowl's gradient is where one is


def test_rates_go_by_turns():
    rule = TamperResistance(steps=1, every=1, **{**SGD, "lrs": [0.5, 1.0]})
    found = [direction(rule, bowl, [3.0], beside=up, moment=Moment(step, 4)).item() for step in range(3)]
    assert found == pytest.approx([3.5, 4.0, 3.5])


def test_an_adversary_must_be_looked_at():
    with pytest.raises(ValidationError, match="every is 4, more than the adversary's 3 steps"):
        TamperResistance(steps=3)
