"""Rules for gradients that oppose each other, by algebra on small vectors."""

import math

import pytest
import torch

from blur_pipeline.methods.choice import Moment, Seen
from blur_pipeline.methods.conflicts import GRU, MGDA, PCGrad
from blur_pipeline.methods.dual import Dual
from blur_pipeline.methods.weighting import Sum
from tests.methods.test_weighting import direction, gram

F, R = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0])


def pair(seed: int, sign: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two vectors of 30 numbers whose inner product has this sign."""
    f, r = torch.randn(2, 30, generator=torch.Generator().manual_seed(seed))
    return f, r * sign * torch.sign(f @ r)


def test_pcgrad_by_hand():
    assert direction(PCGrad(), F, R).tolist() == pytest.approx([0.5, 1.5])


def test_pcgrad_sums_and_published_code_halves():
    assert direction(PCGrad(reduction="mean"), F, R).tolist() == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("seed", range(5))
def test_pcgrad_is_the_algorithm_written_out(seed):
    f, r = pair(seed, -1)
    of_f, of_r = 0.5 * f, 3.0 * r
    projected = of_f - (of_f @ of_r) / (of_r @ of_r) * of_r + of_r - (of_f @ of_r) / (of_f @ of_f) * of_f
    torch.testing.assert_close(direction(PCGrad(forget=0.5, retain=3.0), f, r), projected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rule", [PCGrad, GRU])
@pytest.mark.parametrize("seed", range(3))
def test_what_does_not_oppose_is_left_alone(rule, seed):
    f, r = pair(seed, 1)
    weights = {"forget": 0.5, "retain": 2.0}
    found = rectified(GRU(average=1.0, **weights), f, r)[0] if rule is GRU else direction(PCGrad(**weights), f, r)
    torch.testing.assert_close(found, direction(Sum(**weights), f, r))


@pytest.mark.parametrize("seed", range(8))
def test_mgda_s_direction_has_the_same_inner_product_with_both(seed):
    f, r = pair(seed, -1)
    u = direction(MGDA(), f, 0.4 * r)
    torch.testing.assert_close(u @ f, u @ u, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(u @ (0.4 * r), u @ u, rtol=1e-3, atol=1e-3)


def test_mgda_by_hand():
    assert direction(MGDA(), torch.tensor([2.0, 0.0]), torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0.4, 0.8])


@pytest.mark.parametrize(("margin", "c"), [(0.0, 1.0), (0.001, 0.999)])
def test_mgda_takes_the_shorter_of_two_that_agree(margin, c):
    """The published code keeps c 0.001 away from the ends, and only there."""
    short, long = torch.tensor([1.0, 0.0]), torch.tensor([3.0, 1.0])
    assert MGDA(margin=margin)(gram(short, long), None).tolist() == pytest.approx([c, 1 - c], abs=1e-6)
    assert MGDA(margin=margin)(gram(long, short), None).tolist() == pytest.approx([1 - c, c], abs=1e-6)
    inside = MGDA(margin=margin)(gram(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 100.0])), None)
    assert inside[0].item() == pytest.approx(1e4 / (1e4 + 1))  # nearer to 1 than the margin, and left there


def test_mgda_where_one_gradient_is_zero():
    zero, other = torch.zeros(2), torch.tensor([1.0, 2.0])
    assert direction(MGDA(), zero, other).tolist() == [0.0, 0.0]
    assert direction(MGDA(), other, zero).tolist() == [0.0, 0.0]
    assert direction(MGDA(), zero, zero).tolist() == [0.0, 0.0]


def rectified(rule: GRU, f: torch.Tensor, *retain: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The direction after these retain gradients, and m."""
    memory = rule.memory([torch.zeros_like(f)], "cpu")
    for r in retain:
        (recalled,) = rule.recall([f], [r], memory)
    vectors = f, retain[-1], recalled[0]
    weights = rule(gram(*vectors), Seen(torch.ones(2), memory, Moment()))
    return sum(w * v for w, v in zip(weights, vectors, strict=True)), memory["retain_mean"][0]


def test_gru_by_hand():
    found, m = rectified(GRU(average=1.0), torch.tensor([-3.0, 1.0]), torch.tensor([1.0, 0.0]))
    assert found.tolist() == [0.0, 1.0]
    assert m.tolist() == [1.0, 0.0]


def test_gru_s_mean_begins_at_zero_and_weighs_the_new_gradient():
    r1, r2 = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    _, m = rectified(GRU(average=0.8), torch.ones(2), r1, r2)
    assert m.tolist() == pytest.approx([0.2 * 0.8, 0.8])


@pytest.mark.parametrize("seed", range(5))
def test_gru_leaves_nothing_against_the_mean(seed):
    f, r = pair(seed, -1)
    rule, r = GRU(average=0.6, forget=5.0), 0.05 * r
    found, m = rectified(rule, f, r)
    assert (5 * f + r) @ m < 0
    assert (found @ m).item() == pytest.approx(0, abs=1e-4)
    torch.testing.assert_close(found, 5 * f + r - ((5 * f + r) @ m) / (m @ m) * m, rtol=1e-4, atol=1e-4)


def test_gru_projects_where_the_two_sides_all_but_cancel():
    """‖f + r‖² from G is then rounding, and may be 0; that bound the projection by nothing at all."""
    r = torch.randn(2000, generator=torch.Generator().manual_seed(0))
    f = -r * (1 + 1e-5) + 1e-5 * torch.randn(2000, generator=torch.Generator().manual_seed(100))
    memory = {"retain_mean": [0.8 * r]}
    products = gram(f, r, 0.8 * r)
    assert products[:2, :2].sum() <= 0 < -((f + r) @ r)
    weights = GRU()(products, Seen(torch.ones(2), memory, Moment()))
    assert weights[2] > 0
    found = sum(w * v for w, v in zip(weights.double(), (f.double(), r.double(), 0.8 * r.double()), strict=True))
    assert abs(found @ r.double()) < 0.2 * abs((f + r) @ r)


def test_gru_s_floor_takes_less_away():
    f, r = torch.tensor([-5.0, 1.0]), torch.tensor([1.0, 0.0])
    g = f + r  # (−4, 1), of cosine −0.97 with m
    found, m = rectified(GRU(average=1.0, cosine_floor=-0.5), f, r)
    torch.testing.assert_close(found, g + 0.5 * g.norm() / m.norm() * m)


def test_a_retain_side_without_gradient_changes_nothing():
    f = torch.tensor([1.0, -2.0])
    rule = GRU()
    memory = rule.memory([f], "cpu")
    (m,) = rule.recall([f], [None], memory)
    assert m[0].tolist() == [0.0, 0.0]
    assert rule(gram(f, torch.zeros(2), m[0]), Seen(torch.ones(2), memory, Moment())).tolist() == [1.0, 1.0, 0.0]


def walk(rule: Dual, losses: list[float]) -> list[tuple[float, float]]:
    """Over a training of this many steps: the retain gradient's weight in each, and λ after it."""
    memory, found = rule.memory([], "cpu"), []
    for step, loss in enumerate(losses):
        weights = rule(torch.eye(2), Seen(torch.tensor([7.0, loss]), memory, Moment(step, len(losses))))
        assert weights[0].item() == pytest.approx(rule.forget)
        found.append((round(weights[1].item(), 5), round(memory["multiplier"].item(), 5)))
    return found


def test_the_multiplier_by_hand():
    rule = Dual(multiplier=2, bound=1, dual_lr=0.5, penalty=1, forget=0.3)
    assert walk(rule, [3.0]) == [(4.0, 3.0)]


def test_pdu_waits_and_then_follows_the_loss_down_to_zero():
    rule = Dual(multiplier=1, bound=1, dual_lr=1, warmup=0.5)
    assert walk(rule, [2.0, 2.0, 3.0, 0.0]) == [(1, 1), (1, 1), (1, 3), (3, 2)]
    assert walk(Dual(multiplier=1, bound=5, dual_lr=1), [0.5]) == [(1, 0)]
    assert walk(Dual(multiplier=1, bound=1, warmup=1), [9.0, 9.0])[-1] == (1, 1)  # never


def test_blade_s_multiplier_falls_slowly_and_not_to_zero():
    rule = Dual(multiplier=1, bound=1, dual_lr=0.5, penalty=0.5, floor=0.1, shrink=0.1)
    assert walk(rule, [3.0, 0.0, 0.0]) == [(2.0, 2.0), (2.0, 1.95), (1.95, 1.9)]
    assert walk(rule.model_copy(update={"multiplier": 0.12}), [0.0]) == [(0.12, 0.1)]


def test_a_bound_relative_to_the_start():
    rule = Dual(multiplier=0, bound=1.5, relative=True, dual_lr=1)
    assert walk(rule, [2.0, 4.0]) == [(0.0, 0.0), (0.0, 1.0)]  # ε = 3


def test_without_penalty_and_motion_it_is_the_plain_sum():
    f, r = pair(0, -1)
    rule = Dual(forget=0.5, multiplier=2, dual_lr=0)
    weights = rule(gram(f, r), Seen(torch.tensor([1.0, math.pi]), rule.memory([], "cpu"), Moment()))
    assert weights.tolist() == [0.5, 2.0]
