"""Kernels that are compiled or chosen for a GPU alone give what torch's plain operations give.

Needs torch, transformers, pydantic and numpy alone, as test_engine_on_gpu.py.
"""

import pytest
import torch
import torch.distributed as dist
from torch.nn.attention import SDPBackend, sdpa_kernel

from blur_pipeline.models.forward import Forward
from blur_pipeline.training import fused, gradients, halves
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.kernels import kernels
from blur_pipeline.training.loop import train
from tests.conftest import build_tiny_model, random_examples
from tests.models.test_heads import grouped_model
from tests.training.test_every_cut import ROUNDING, assert_same_step, cut_run
from tests.training.test_halves import same

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")]
CUDA = torch.device("cuda")


@pytest.fixture
def one_pass(monkeypatch):
    """Of tensors of any size; a context manager."""
    torch.compiler.reset()  # how a sum is cut is decided by the first tensor that is met
    monkeypatch.setattr(fused, "LEAST", 2)
    return fused.in_one_pass


@pytest.fixture
def nccl():
    dist.init_process_group("nccl", rank=0, world_size=1, store=dist.HashStore())
    yield
    dist.destroy_process_group()


def test_compiled_halves_are_exact(one_pass):
    """A few million patterns among all, of an odd number, and again of another one, which is not compiled anew."""
    for count in (2**22 + 5, 12345):
        drawn = torch.randint(-(2**31), 2**31, (count,), generator=torch.Generator().manual_seed(count))
        weight = drawn.to(torch.int32).view(torch.float32)
        weight = weight[~weight.isnan()]
        upper, lower = halves.split(weight)
        moved = weight.clone().to(CUDA)
        found = torch.empty_like(upper, device=CUDA), torch.empty_like(lower, device=CUDA)
        with one_pass():
            halves.part_(moved, *found)
        assert torch.equal(found[0].cpu().view(torch.int16), upper.view(torch.int16))
        assert torch.equal(found[1].cpu(), lower)
        with one_pass():
            halves.join_(moved, *found)
        assert same(moved.cpu(), halves.whole(upper, lower))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("k", [2, 3])
def test_compiled_products_and_sums(k, dtype, one_pass):
    """To float64's; numbers of one sign are what a careless sum loses most of."""
    vectors = [[torch.rand(n, device=CUDA).to(dtype) for n in (2**24 + 3, 4321)] for _ in range(k)]
    exact = [torch.cat([part.double() for part in vector]) for vector in vectors]
    expected = torch.stack([torch.stack([x @ y for y in exact]) for x in exact])
    with one_pass():
        gram = gradients.gram_matrix(vectors, CUDA)
    torch.testing.assert_close(gram, expected, rtol=1e-5, atol=0)
    weights = torch.randn(k, device=CUDA, dtype=torch.float64)
    direction = sum(w * x for w, x in zip(weights, exact, strict=True))
    moved = [torch.zeros_like(part, dtype=torch.float32) for part in vectors[0]]
    with one_pass():
        gradients.combine_(moved, vectors, weights)
    torch.testing.assert_close(torch.cat([m.grad for m in moved]).double(), direction, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("name", ["blur_npo", "gru"])
def test_a_step_by_compiled_passes_is_the_step(name, precision, one_pass):
    engine = Engine(precision=precision)
    _, expected = train(grouped_model(), cut_run(name, engine, steps=3), CUDA)
    with one_pass():
        _, rows = train(grouped_model(), cut_run(name, engine, steps=3), CUDA)
    for row, other in zip(rows, expected, strict=True):
        assert_same_step(name, row, other, {"fp32": 1e-4}.get(precision, 2 * 2**-8))


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_shards_stay_shards(sharding, nccl, one_pass):
    """FSDP2's weights, gradients and moments are parts of a whole, which a compiled pass sees this rank's of."""
    run = cut_run("blur_npo", Engine(processes=2, sharding=sharding))
    _, expected = train(build_tiny_model(), run, CUDA)
    with one_pass():
        _, rows = train(build_tiny_model(), run, CUDA)
    assert_same_step("blur_npo", rows[0], expected[0], 1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_float32_attends_by_a_fused_kernel_where_heads_are_grouped(checkpointing):
    """All others are shut out; a layer that is computed again in the backward pass finds it too."""
    model, batch = grouped_model().to(CUDA), random_examples(4, seed=1).batch([0, 1, 2]).to(CUDA)
    if checkpointing:
        model.gradient_checkpointing_enable()
        model.train()
    with sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION), kernels(model, Engine(), CUDA):
        (-Forward(model, batch).token_logprobs().mean()).backward()
    found = model.model.layers[0].self_attn.k_proj.weight.grad.clone()
    model.zero_grad()
    with sdpa_kernel(SDPBackend.MATH):
        (-Forward(model, batch).token_logprobs().mean()).backward()
    torch.testing.assert_close(found, model.model.layers[0].self_attn.k_proj.weight.grad, rtol=1e-3, atol=1e-6)
