"""A float32 in two halves: the nearest bfloat16, and nearly every bit back."""

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


def test_the_upper_half_is_the_nearest_bfloat16_as_torch_rounds(numbers):
    upper, _ = halves.split(numbers)
    assert torch.equal(upper.view(torch.int16), numbers.bfloat16().view(torch.int16))


def test_every_bit_comes_back_but_of_ties_above_an_even_one(numbers):
    """Those come back one step, of 2⁻²³ of them at most, nearer to zero, and from then on as they are."""
    patterns = numbers.view(torch.int32)
    ties = patterns & 0x1FFFF == 0x8000
    back = halves.whole(*halves.split(numbers))
    assert ties.any()
    assert same(back[~ties], numbers[~ties])
    assert torch.equal(back.view(torch.int32)[ties], patterns[ties] - 1)
    assert same(halves.whole(*halves.split(back)), back)


def test_of_what_float16_holds_one_in_sixteen_is_such_a_tie():
    drawn = torch.randn(10**5, generator=torch.Generator().manual_seed(0)).half().float()
    back = halves.whole(*halves.split(drawn))
    assert (back != drawn).float().mean().item() == pytest.approx(1 / 16, abs=0.005)
    assert back == pytest.approx(drawn, rel=2**-22)


def test_what_is_no_number_stays_none():
    """0x7FFFFFFF is the NaN that GPUs make; half of a last place added to it is −0."""
    wrong = bits(0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00000, 0x7F800001, 0xFF800001)
    upper, lower = halves.split(wrong)
    assert upper.isnan().all()
    assert halves.whole(upper, lower).isnan().all()


@pytest.mark.parametrize("shape", [(), (3,), (5, 3), (7, 1), (0,), (0, 3)])
def test_memory_comes_and_goes(shape, monkeypatch):
    weight = torch.randn(shape, dtype=torch.float32)
    monkeypatch.setattr(halves, "AT_ONCE", {"cpu": 4})
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
