"""Optimizers that torch lacks, against values derived by hand and loops written out."""

import pytest
import torch
from pydantic import ValidationError

from blur_pipeline.methods.few_bits import NBit, Sign
from blur_pipeline.methods.schedule_free import ScheduleFree
from blur_pipeline.methods.sophia import Sophia


def moved(choice, *gradients, start=0.0) -> torch.Tensor:
    """The way of a weight after these gradients, divided by the learning rate."""
    weight = torch.full_like(torch.tensor(gradients[0]), start)
    optimizer = choice([weight])
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        optimizer.step()
    return (start - weight) / choice.lr


def test_sophia_by_hand():
    assert moved(Sophia(gamma=4, weight_decay=0), [2.0]).tolist() == pytest.approx([0.5])
    assert moved(Sophia(gamma=1, weight_decay=0), [2.0, -2.0]).tolist() == pytest.approx([1.0, -1.0])  # clipped


def test_sophia_s_eps_bounds_what_is_divided_by():
    assert moved(Sophia(gamma=1e-9, eps=0.16, weight_decay=0), [2.0]).tolist() == pytest.approx([0.5])


@pytest.mark.parametrize("form", ["paper", "soul"])
def test_sophia_is_the_algorithm_written_out(form):
    """Published defects of SOUL's code, on demand: h in every step, m twice."""
    gradients = torch.randn(7, 20, generator=torch.Generator().manual_seed(0))
    first, second, gamma = 0.9, 0.95, 2.0
    m, h, way = torch.zeros(20), torch.zeros(20), torch.zeros(20)
    for t, g in enumerate(gradients):
        if form == "paper":
            m = first * m + (1 - first) * g
            h = second * h + (1 - second) * g**2 if t % 3 == 0 else h
            way += (m / torch.clamp(gamma * h, min=1e-12)).clamp(-1, 1)
        else:
            m = first**2 * m + (1 - first**2) * g
            h = second * h + (1 - second) * g**2
            way += m.sign() * torch.minimum(torch.tensor(1.0), m.abs() / (gamma * h + 1e-15))
    choice = Sophia(betas=(first, second), gamma=gamma, every=3, form=form, weight_decay=0, lr=1.0)
    found = moved(choice, *gradients.tolist())
    torch.testing.assert_close(found, way, rtol=1e-4, atol=1e-5)
    assert (way.abs() < 6.99).any()  # not clipped throughout


def test_weights_decay_apart_from_the_step():
    for choice in (Sophia, Sign, NBit):
        weight = torch.tensor([2.0, 2.0])
        weight.grad = torch.zeros(2)
        choice(lr=0.1, weight_decay=0.5)([weight]).step()
        assert weight.tolist() == pytest.approx([2 * 0.95] * 2)


def test_sign_by_hand():
    assert moved(Sign(momentum=0, weight_decay=0), [-3.0, 0.0, 0.1]).tolist() == pytest.approx([-1, 0, 1])
    assert moved(Sign(momentum=0.9, weight_decay=0), [1.0], [-0.5]).tolist() == pytest.approx([2.0])  # m is 0.04


def test_without_momentum_nothing_is_remembered():
    weight = torch.zeros(2)
    optimizer = Sign(momentum=0)([weight])
    weight.grad = torch.ones(2)
    optimizer.step()
    assert not optimizer.state[weight]


def test_rounding_by_hand():
    from blur_pipeline.methods.elementwise import quantised

    assert quantised(torch.tensor([3.0, -1.4, 0.2]), 3).tolist() == [3.0, -1.0, 0.0]
    assert quantised(torch.tensor([3.0, -1.4, 0.2]), 1).tolist() == [1.0, -1.0, 1.0]
    assert quantised(torch.zeros(3), 4).tolist() == [0.0] * 3
    for bits in range(2, 9):
        levels = quantised(torch.linspace(-1, 1, 10_001), bits).unique()
        assert len(levels) == 2**bits - 1
        assert levels[0] == -levels[-1] == pytest.approx(-1)


def test_many_bits_are_adam():
    gradients = torch.randn(5, 50, generator=torch.Generator().manual_seed(1)).tolist()
    weight = torch.zeros(50)
    adam = torch.optim.Adam([weight], lr=0.01)
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        adam.step()
    torch.testing.assert_close(
        moved(NBit(bits=16, lr=0.01, weight_decay=0), *gradients), -weight / 0.01, rtol=0, atol=5e-4
    )
    few = moved(NBit(bits=2, lr=0.01, weight_decay=0), *gradients)
    assert (few + weight / 0.01).abs().max() > 0.1


def test_one_bit_is_the_sign_of_adam_s_update():
    assert moved(NBit(bits=1, weight_decay=0), [5.0, -1e-3]).tolist() == pytest.approx([1, -1])


def test_schedule_free_keeps_the_mean_of_its_ends():
    """Where gradients are those of Adam's first step, x is the running mean of z."""
    weight = torch.tensor([0.0])
    choice = ScheduleFree(lr=0.1, weight_decay=0)
    optimizer, ends = choice([weight]), []
    for _ in range(4):
        weight.grad = torch.tensor([2.0])
        optimizer.step()
        ends.append(optimizer.state[weight]["z"].item())
    choice.settle(optimizer)
    assert ends == pytest.approx([-0.1, -0.2, -0.3, -0.4], rel=1e-4)
    assert weight.item() == pytest.approx(sum(ends) / 4, rel=1e-4)


def test_schedule_free_takes_no_second_average():
    with pytest.raises(ValidationError, match="keeps a mean of the weights already"):
        ScheduleFree(average={})
