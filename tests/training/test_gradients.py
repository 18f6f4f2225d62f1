"""Gradients of micro-batches and ranks are summed in float32, whatever they are computed in."""

import torch

from blur_pipeline.methods.choice import Moment, Seen
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.weighting import Bilevel
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.gradients import combine_, gram_matrix, inner
from blur_pipeline.training.objective import Objective
from blur_pipeline.training.prepare import prepare
from tests.conftest import build_tiny_model, random_examples

CPU = torch.device("cpu")
RETAIN = Recipe().retain[0]
EXAMPLES = random_examples(32, seed=4)
ROWS = EXAMPLES.by_length(range(32))


def gradient(micro_batch_size: int | None, rows: list[int]) -> list[torch.Tensor]:
    """Of the mean loss over ``rows``, from the untouched tiny model in bfloat16."""
    engine = Engine(precision="bf16", micro_batch_size=micro_batch_size)
    ready = prepare(build_tiny_model(), Recipe(), engine, CPU)
    Objective({"retain": [RETAIN]}, {"retain": EXAMPLES}, ready.model, None, engine, CPU).accumulate(
        {"retain": rows}, Moment()
    )
    return [p.grad for p in ready.weights.parameters]


def flat(parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([part.flatten().double() for part in parts])


def test_micro_batches_are_added_without_rounding():
    """Added in bfloat16, 32 of them were 0.7 % off. Each is bfloat16 as it comes; their sum in float64 is what the
    engine's is, up to the rounding of 32 additions in float32."""
    model = prepare(build_tiny_model(), Recipe(), Engine(precision="bf16"), CPU).model
    total = EXAMPLES.count(ROWS, "tokens")
    expected = 0
    for row in ROWS:
        loss = -Forward(model, EXAMPLES.batch([row])).token_logprobs().sum() * (1 / total)
        expected += flat(list(torch.autograd.grad(loss, list(model.parameters()))))
    assert (flat(gradient(1, ROWS)) - expected).norm() < 32 * 2**-24 * expected.norm()


def test_a_single_micro_batch_keeps_its_gradient_in_half_the_memory():
    assert {g.dtype for g in gradient(None, ROWS)} == {torch.bfloat16}
    assert {g.dtype for g in gradient(8, ROWS)} == {torch.float32}
    assert {g.dtype for g in gradient(8, ROWS[:8])} == {torch.bfloat16}  # the last step of an epoch may be short


def test_a_gradient_that_waits_on_the_host_is_combined_where_the_weights_are():
    """Also where only the forget side reached a parameter. The device without memory stands for a GPU."""
    moved = [torch.nn.Parameter(torch.empty(3, device="meta")) for _ in range(2)]
    here, there = torch.ones(3), torch.ones(3, device="meta")
    combine_(moved, [[here, here.clone()], [None, there]], torch.tensor([2.0, 1.0], device="meta"))
    assert {(m.grad.device.type, m.grad.shape) for m in moved} == {("meta", (3,))}


def test_where_one_side_alone_reached_a_parameter_its_memory_is_taken():
    moved, forget = [torch.nn.Parameter(torch.zeros(3))], torch.ones(3)
    combine_(moved, [[forget], [None]], torch.tensor([2.0, 1.0]))
    assert moved[0].grad.tolist() == [2, 2, 2]
    assert moved[0].grad.data_ptr() == forget.data_ptr()


def test_inner_products_of_millions_of_numbers_are_right():
    """Added one by one in float32, ‖x‖² of 2²⁴ equal numbers loses much of itself; exactly it is n·x²."""
    n = 2**24 + 5
    x = torch.full((n,), 0.1)
    expected = n * float(x[0]) ** 2
    assert abs(inner(x, x).item() / expected - 1) < 1e-5
    assert abs(inner(x.bfloat16(), x.bfloat16()).item() / (n * float(x[0].bfloat16()) ** 2) - 1) < 1e-5
    assert inner(x[:0], x[:0]).item() == 0


def test_blur_descends_where_a_tensor_is_large_and_its_gradient_small():
    """⟨d,f⟩ = γ·‖f‖², with f a thousand times smaller than r and half along it: the ratio was 0.92 of that."""
    r = torch.randn(2**22, 4, generator=torch.Generator().manual_seed(0))
    f = 1e-3 * (0.5 * r + torch.randn(r.shape, generator=torch.Generator().manual_seed(1)))
    ff, fr = f.double().square().sum(), (f.double() * r.double()).sum()
    weights = Bilevel(gamma=1.0)(gram_matrix([[f], [r]], CPU), Seen(torch.ones(2), {}, Moment()))
    assert abs((weights[0] * ff + weights[1] * fr).item() / ff.item() - 1) < 1e-3
