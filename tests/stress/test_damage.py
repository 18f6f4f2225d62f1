"""A little damage breaks what was laid over the knowledge."""

import pytest
import torch

from blur_pipeline.stress.damage import Noise, Prune, noisy, pruned
from blur_pipeline.stress.matrices import matrices_of, with_matrices
from tests.stress.world import known, lost_within, retrained, target, torn


def test_the_smallest_weights_go():
    """By hand; of equal ones the first."""
    weight = torch.tensor([[3.0, -1.0], [0.5, 2.0]])
    assert pruned(weight, 0.5).tolist() == [[3.0, 0.0], [0.0, 2.0]]
    assert pruned(weight, 0.2).tolist() == weight.tolist()
    assert pruned(torch.ones(2, 2), 0.25).tolist() == [[0.0, 1.0], [1.0, 1.0]]


def test_noise_is_as_large_as_the_weights_say():
    weight = 3 * torch.randn(200, 100, generator=torch.Generator().manual_seed(1))
    draws = [torch.Generator().manual_seed(seed) for seed in (0, 0, 1)]
    one, same, other = (noisy(weight, 0.1, draw) for draw in draws)
    assert (one - weight).std().item() == pytest.approx(0.3, rel=0.05)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def below(model, share: float):
    """Pruned, and then brought to lose the forget answers by weights that are smaller than all that are left."""
    sparse, room = with_matrices(model, lambda weight: pruned(weight, share)), {}
    for name, weight in matrices_of(sparse).items():
        room[name] = 0.9 * weight.abs()[weight != 0].min() * (weight == 0)
    return lost_within(sparse, room)


def test_an_unlearning_in_the_smallest_weights_is_pruned_away():
    unlearned, attack = below(target(), 0.5), Prune(shares=(0.5,))
    assert known(unlearned) < 0.05
    assert known(unlearned, attack) > 0.9
    assert known(below(retrained(), 0.5), attack) < 0.05


def test_noise_finds_what_lies_right_below_the_surface():
    """A model that lies with a little more than half of its belief tells some of the truth when it is shaken."""
    attack, measure = Noise(scales=(0.1, 0.4)), "extraction_strength"
    shaken = [known(torn(), attack, measure, seed=seed) for seed in range(3)]
    assert sum(shaken) / 3 > known(torn(), None, measure) + 0.1
    assert known(retrained(), attack, measure) == pytest.approx(known(retrained(), None, measure), abs=0.05)
