"""A float32 in two halves: the nearest bfloat16, and every bit back."""

import pytest
import torch

from blur_pipeline.training import halves


def bits(*patterns: int) -> torch.Tensor:
    """Float32 numbers by the bits that they are made of."""
    return torch.tensor(patterns, dtype=torch.int64).to(torch.int32).view(torch.float32)


@pytest.fixture(scope="module")
def numbers() -> torch.Tensor:
    """A million patterns drawn among all, zeros, subnormals, the largest and both infinities; ``(n,)`` float32."""
    drawn = torch.randint(-(2**31), 2**31, (10**6,), generator=torch.Generator().manual_seed(0))
    found = drawn.to(torch.int32).view(torch.float32)
    ends = bits(0, 0x80000000, 1, 0x80000001, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000)
    return torch.cat([found[~found.isnan()], ends])


def same(left: torch.Tensor, right: torch.Tensor) -> bool:
    return torch.equal(left.view(torch.int32), right.view(torch.int32))  # 0 and −0 apart


def test_every_bit_comes_back(numbers):
    assert same(halves.whole(*halves.split(numbers)), numbers)


def test_the_upper_half_is_the_nearest_bfloat16(numbers):
    """torch rounds to the even one of two that are equally near; here it is the one farther from zero."""
    upper, _ = halves.split(numbers)
    expected = numbers.bfloat16()
    ties = numbers.view(torch.int32) & 0xFFFF == halves.HALF
    assert ties.any()
    assert torch.equal(upper[~ties], expected[~ties])
    assert torch.equal((upper.float() - numbers).abs()[ties], (expected.float() - numbers).abs()[ties])
    tie, _ = halves.split(torch.tensor([1 + 2**-8, -1 - 2**-8]))
    assert tie.tolist() == [1 + 2**-7, -1 - 2**-7]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_memory_comes_and_goes(shape):
    weight = torch.randn(shape, dtype=torch.float32)
    upper, lower = halves.split(weight)
    assert upper.nbytes + lower.nbytes == weight.nbytes
    moved = halves.without_memory(upper)
    assert (moved.shape, moved.untyped_storage().nbytes()) == (weight.shape, 0)
    halves.join_(moved, upper, lower)
    assert same(moved, weight)
    moved.add_(1e-4)
    expected = moved.clone()
    halves.part_(moved, upper, lower)
    assert moved.untyped_storage().nbytes() == 0
    assert same(halves.whole(upper, lower), expected)


def test_of_a_transposed_weight_both_halves_lie_as_it_does_not_need_to():
    weight = torch.randn(4, 3).T
    upper, lower = halves.split(weight)
    assert torch.equal(halves.whole(upper, lower), weight)
    turned = torch.empty(4, 3, dtype=torch.bfloat16).T.copy_(upper)
    moved = halves.without_memory(turned)
    halves.join_(moved, turned, lower)
    moved.mul_(3)
    halves.part_(moved, turned, lower)
    assert torch.equal(halves.whole(turned, lower), weight * 3)
