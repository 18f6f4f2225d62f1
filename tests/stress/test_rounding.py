"""Rounding takes away what is smaller than its grid."""

import copy

import pytest
import torch

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.stress import rounding
from blur_pipeline.stress.matrices import matrices_of
from blur_pipeline.stress.rounding import Quantise, rounded
from tests.stress.world import known, lost_within, outcome, retrained, target


def test_weights_go_to_the_nearest_of_a_grid():
    """By hand, with one scale a row or one a group of two."""
    weight = torch.tensor([[1.0, 0.4, -0.2, 0.1]])
    assert rounded(weight, 2).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    assert rounded(weight, 3)[0].tolist() == pytest.approx([1.0, 1 / 3, -1 / 3, 0.0])
    assert rounded(weight, 2, group=2)[0].tolist() == pytest.approx([1.0, 0.0, -0.2, 0.2 * round(0.5)])
    assert rounded(weight, 2, group=3).tolist() == rounded(weight, 2).tolist()  # three do not divide four
    assert rounded(torch.zeros(2, 3), 4).tolist() == torch.zeros(2, 3).tolist()


def test_fused_experts_have_a_scale_a_row_as_well():
    """Of two experts of two rows each one is rounded as it would be by itself."""
    experts = torch.randn(2, 2, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([[[1.0], [9.0]]])
    for group in (0, 3):
        alone = torch.stack([rounded(expert, 3, group) for expert in experts])
        assert torch.equal(rounded(experts, 3, group), alone)


def on_the_grid(model, bits: int):
    found = copy.deepcopy(model)
    with torch.no_grad():
        for weight in matrices_of(found).values():
            weight.copy_(rounded(weight, bits))
    return found


def below_the_grid(model, bits: int):
    """It has lost the forget answers by moves of less than half a step of the grid, its largest weights by none."""
    coarse, room = on_the_grid(model, bits), {}
    for name, weight in matrices_of(coarse).items():
        largest = weight.abs().amax(1, keepdim=True)
        room[name] = 0.45 * largest / (2 ** (bits - 1) - 1) * (weight.abs() < largest)
    return lost_within(coarse, room)


@pytest.mark.parametrize("bits", [3, 4])
def test_an_unlearning_finer_than_the_grid_is_undone_by_it(bits):
    unlearned, attack = below_the_grid(target(), bits), Quantise(bits=(bits,))
    assert known(unlearned) < 0.05
    assert known(unlearned, attack) > 0.9
    assert known(below_the_grid(retrained(), bits), attack) < 0.05


def test_nf4_is_another_grid():
    """Only a library knows it: weights move by about as much as in 4 bits, and what is known stays known."""
    table = outcome(target(), Quantise(bits=(8,), nf4=True))
    assert table.groupby("variant", sort=False)["budget"].first().to_dict() == {"8 bits": 8, "nf4": 4}
    weight = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
    off = (rounding.in_nf4(weight) - weight).abs().mean()
    assert 0.5 < off / (rounded(weight, 4, 64) - weight).abs().mean() < 1.1
    assert known(target(), Quantise(bits=(8,), nf4=True)) > 0.9


def test_nf4_without_its_library_is_told_before_anything_is_attacked(monkeypatch):
    monkeypatch.setattr(rounding, "find_spec", lambda name: None)
    Quantise().look()
    with pytest.raises(BadInputError, match=r"'nf4' needs bitsandbytes; pip install -e '\.\[eight_bit\]'"):
        Quantise(nf4=True).look()
