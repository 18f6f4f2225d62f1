"""What the published BLUR code gets wrong (METHODS), each held right here.

Micro-batches and clipping are in test_loop.py, the log-sigmoid per sequence in tests/methods/test_losses.py,
the zero forget gradient in tests/methods/test_weighting.py.
"""

import copy
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from blur_pipeline.methods.choice import Moment, Seen
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.weighting import Bilevel
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.gradients import clip, combine_, direction_norm, gram_matrix, take_gradient
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.workers import world
from tests.conftest import build_tiny_model, random_examples
from tests.workers import run_ranks

SEEN = Seen(torch.tensor([1.0, 1.0]), {}, Moment())
RECIPE = Recipe(
    forget={"kind": "npo"},
    weighting={"kind": "bilevel", "gamma": 0.5},
    optimizer={"kind": "adamw", "lr": 1e-3},
)


def blur_run() -> Run:
    forget = random_examples(7, seed=1).with_reference(torch.linspace(-30, -10, 7))
    return Run(RECIPE, Schedule(steps=3, batch_size=5), random_examples(9, seed=2), forget, seed=3)


def _on_rank(rank: int, folder: str) -> None:
    model, history = train(build_tiny_model(), blur_run())
    torch.save((dict(model.named_parameters()), history), f"{folder}/{rank}.pt")


def test_inner_products_are_global_and_replicas_stay_together(tmp_path):
    """Two processes with half the batch each end where one process ends; so the projected gradient reaches the
    optimizer of each, and ξ is that of the whole batch."""
    run_ranks(_on_rank, 2, tmp_path, str(tmp_path))
    alone, history = train(build_tiny_model(), blur_run())
    ranks = [torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in range(2)]
    for name, parameter in alone.named_parameters():
        assert torch.equal(ranks[0][0][name], ranks[1][0][name])
        torch.testing.assert_close(ranks[0][0][name], parameter, rtol=1e-4, atol=5e-6)
    for ours, theirs in zip(history, ranks[0][1], strict=True):
        assert theirs["forget_weight"] == pytest.approx(ours["forget_weight"], rel=1e-4)


def test_the_optimizer_steps_along_the_combined_direction():
    """Published defect: under sharding the projected gradient never reached the optimizer."""
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.zeros(3, requires_grad=True), torch.zeros(2, requires_grad=True)]
    f = [torch.randn(p.shape, generator=generator) for p in parameters]
    r = [torch.randn(p.shape, generator=generator) for p in parameters]
    flat_f, flat_r = torch.cat(f), torch.cat(r)
    gram = gram_matrix([f, r], flat_f.device)
    combine_(parameters, [f, r], Bilevel()(gram, SEEN))
    torch.optim.SGD(parameters, lr=1.0).step()
    expected = flat_r + (1 - (flat_r @ flat_f) / (flat_f @ flat_f)) * flat_f
    torch.testing.assert_close(torch.cat([p.detach() for p in parameters]), -expected)


def test_no_copy_of_a_gradient_is_made():
    """Published defect: two full gradient copies and a third that was never read."""
    parameters = [torch.zeros(4, requires_grad=True)]
    parameters[0].grad = torch.ones(4)
    place = parameters[0].grad.data_ptr()
    forget = take_gradient(parameters)
    assert forget[0].data_ptr() == place
    retain = [torch.full((4,), 2.0)]
    place = retain[0].data_ptr()
    combine_(parameters, [forget, retain], torch.tensor([3.0, 1.0]))
    assert parameters[0].grad.data_ptr() == place
    assert parameters[0].grad.tolist() == [5.0] * 4


class _CountSynchronisations(TorchDispatchMode):
    """Counts reads of a tensor's value by the host."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            self.count += 1
        return func(*args, **(kwargs or {}))


def test_host_synchronisations_do_not_grow_with_the_number_of_tensors():
    """Published defect: one synchronisation per parameter tensor, in each inner product."""
    counts = []
    for layers in (1, 4):
        with _CountSynchronisations() as mode:
            gradients = [torch.ones(2, requires_grad=True) for _ in range(10 * layers)]
            f, r = [g.detach().clone() for g in gradients], [g.detach().clone() for g in gradients]
            gram = gram_matrix([f, r], torch.device("cpu"))
            weights = Bilevel()(gram, SEEN)
            combine_(gradients, [f, r], clip(weights, direction_norm(gram, weights), 1.0))
        counts.append(mode.count)
    assert counts == [0, 0]


def test_no_graph_is_kept(monkeypatch):
    """Published defect: retain_graph=True pinned a graph that nobody needed."""
    kept = []
    backward = torch.Tensor.backward
    monkeypatch.setattr(
        torch.Tensor,
        "backward",
        lambda self, *a, **k: (kept.append(k.get("retain_graph")), backward(self, *a, **k))[1],
    )
    train(build_tiny_model(), blur_run())
    assert kept
    assert not any(kept)


def test_parameters_that_a_loss_does_not_reach_are_no_obstacle():
    """Published defect: a frozen or LoRA parameter without a gradient crashed."""
    model = build_tiny_model()
    model.model.embed_tokens.weight.requires_grad_(False)
    parameters = [torch.zeros(2, requires_grad=True) for _ in range(3)]
    f = [torch.ones(2), None, None]
    r = [torch.ones(2), torch.ones(2), None]
    gram = gram_matrix([f, r], torch.device("cpu"))
    assert gram.tolist() == [[2.0, 2.0], [2.0, 4.0]]
    combine_(parameters, [f, r], Bilevel()(gram, SEEN))
    assert parameters[0].grad.tolist() == [1.0, 1.0]  # ξ = 1 − 2/2 = 0
    assert parameters[2].grad is None
    run = blur_run()
    recipe = RECIPE.model_copy(update={"scope": Recipe(scope={"kind": "lora", "rank": 2}).scope})
    _, history = train(copy.deepcopy(model), Run(**{**vars(run), "recipe": recipe}))
    assert len(history) == 3


def _one_micro_batch_a_rank(rank: int, folder: str) -> None:
    summed, real = [], world.sum_over_ranks_
    world.sum_over_ranks_ = lambda tensors: (summed.extend(t.dtype for t in tensors), real(tensors))[1]
    train(build_tiny_model(), replace(blur_run(), engine=Engine(precision="bf16")))
    world.sum_over_ranks_ = real
    torch.save({t for t in summed if t != torch.float64}, f"{folder}/{rank}.pt")


def test_gradients_of_several_ranks_are_summed_in_float32(tmp_path):
    """Of a bfloat16 model too, and where each rank has a single micro-batch, whose gradient alone would be one."""
    run_ranks(_one_micro_batch_a_rank, 2, tmp_path, str(tmp_path))
    assert [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)] == [{torch.float32}] * 2
