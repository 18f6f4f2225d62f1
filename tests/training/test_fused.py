"""One pass over memory instead of several: the same values. That torch compiles them is tests/gpu's."""

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from blur_pipeline.training import fused, gradients, halves
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.kernels import kernels
from tests.training.test_halves import numbers, same  # noqa: F401 (a fixture)


@pytest.fixture
def uncompiled(monkeypatch):
    """On the CPU, and by torch's own operations; gives the names of what was called."""
    called = []
    monkeypatch.setattr(fused, "fits", lambda *tensors: all(t.is_contiguous() for t in tensors))
    monkeypatch.setattr(fused, "_compiled", lambda function: called.append(function.__name__) or function)
    return called


def test_halves_are_those_of_the_other_way(numbers, uncompiled):  # noqa: F811
    """Integers alone: a million patterns, ties, subnormals and infinities among them."""
    upper, lower = halves.split(numbers)
    moved = halves.without_memory(upper)
    halves.join_(moved, upper, lower)
    assert same(moved, halves.whole(upper, lower))
    moved.copy_(numbers)
    others = torch.empty_like(upper), torch.empty_like(lower)
    halves.part_(moved, *others)
    assert uncompiled == ["_join_", "_part_"]
    assert torch.equal(others[0].view(torch.int16), upper.view(torch.int16))
    assert torch.equal(others[1], lower)


def test_what_is_no_number_stays_none(uncompiled):
    wrong = torch.tensor([0x7FFFFFFF, -1, 0x7FC00000, 0x7F800001, -0x7FFFFF], dtype=torch.int32).view(torch.float32)
    assert wrong.isnan().all()
    upper, lower = torch.empty(5, dtype=torch.bfloat16), torch.empty(5, dtype=torch.int16)
    halves.part_(wrong.clone(), upper, lower)
    assert upper.isnan().all()
    assert halves.whole(upper, lower).isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("k", [2, 3])
def test_products_and_their_sum_are_those_of_the_other_way(k, dtype, uncompiled, monkeypatch):
    draw = torch.Generator().manual_seed(k)
    shapes, weights = [(6, 4), (8,)], torch.randn(k, generator=draw)
    vectors = [[torch.randn(s, generator=draw).to(dtype) for s in shapes] for _ in range(k)]
    moved = [torch.zeros(s) for s in shapes]

    def both() -> tuple[torch.Tensor, list[torch.Tensor]]:
        copies = [[part.clone() for part in vector] for vector in vectors]
        gram = gradients.gram_matrix(copies, torch.device("cpu"))
        gradients.combine_(moved, copies, weights)
        return gram, [target.grad for target in moved]

    gram, directions = both()
    assert set(uncompiled) == {"_products", "_combine_" if dtype == torch.float32 else "_combined"}
    monkeypatch.setattr(fused, "fits", lambda *tensors: False)
    expected, others = both()
    torch.testing.assert_close(gram, expected, rtol=1e-5, atol=1e-5)
    for direction, other in zip(directions, others, strict=True):
        assert direction.dtype == torch.float32
        torch.testing.assert_close(direction, other, rtol=1e-6, atol=1e-6)


def test_the_direction_lies_in_the_second_vectors_memory(uncompiled):
    f, r, target = torch.randn(8), torch.randn(8), torch.zeros(8)
    gradients.combine_([target], [[f], [r]], torch.tensor([0.5, 2.0]))
    assert target.grad.data_ptr() == r.data_ptr()


def test_a_shard_stays_part_of_its_whole(uncompiled):
    """FSDP2 hands out this rank's part as a new tensor each time; the optimizer wants the gradient of the whole."""
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    try:
        mesh = init_device_mesh("cpu", (1,))
        target, f, r = (distribute_tensor(torch.randn(8, 4), mesh, [Shard(0)]) for _ in range(3))
        target.requires_grad_(True)
        expected = 0.5 * f.to_local() + 2 * r.to_local()
        gradients.combine_([target], [[f], [r]], torch.tensor([0.5, 2.0]))
        assert "_combine_" in uncompiled
        assert isinstance(target.grad, DTensor)
        torch.testing.assert_close(target.grad.to_local(), expected)
    finally:
        dist.destroy_process_group()


def test_they_are_chosen_by_training_compiled_and_for_a_gpu_alone():
    class OnAGpu:  # what is asked of a tensor before it is passed over
        device, is_cuda = torch.device("cuda"), True

        def numel(self) -> int:
            return fused.LEAST

        def is_contiguous(self) -> bool:
            return True

    def chosen(tensor, **engine) -> bool:
        with kernels(torch.nn.Linear(1, 1), Engine(**engine), torch.device("cpu")):
            return fused.fits(tensor)

    assert chosen(OnAGpu(), compiled=True)
    assert not chosen(OnAGpu())
    assert not fused.fits(OnAGpu())
    assert not chosen(torch.zeros(2 * fused.LEAST), compiled=True)


def test_each_is_traced_whole():
    """A break in the trace would leave the rest to single operations, at their full cost and with the same values."""
    graphs = []

    def traced(graph, _):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    half, bits, short = torch.ones(8).bfloat16(), torch.ones(8, dtype=torch.int32), torch.ones(8, dtype=torch.int16)
    for function, arguments in [
        (fused._join_, (bits, short, short)),
        (fused._part_, (bits, short, short)),
        (fused._products, ([half, half + 1], [(0, 0), (0, 1), (1, 1)])),
        (fused._combined, ([half, half + 1], torch.ones(2))),
        (fused._combine_, ([half.float(), half.float() + 1], torch.ones(2), 1)),
    ]:
        torch.compile(function, dynamic=True, fullgraph=True, backend=traced)(*arguments)
    assert len(graphs) == 5
