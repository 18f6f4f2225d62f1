"""What dropout leaves out is a function of (seed, step, side, rank), and of nothing else."""

import torch

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples
from tests.workers import run_ranks

SAME = random_examples(1, seed=1)
RUN = Run(Recipe(forget={"kind": "ga"}), Schedule(steps=2, batch_size=2), SAME + SAME, SAME + SAME, seed=3)


def dropping_out():
    return build_tiny_model(dropout=0.5)


def losses(run: Run, model=None) -> list[tuple[float, float]]:
    _, history = train(model or dropping_out(), run)
    return [(row["forget_loss"], row["retain_loss"]) for row in history]


def test_the_same_run_draws_the_same():
    assert losses(RUN) == losses(RUN)


def test_the_two_sides_and_the_steps_draw_differently():
    """On the same rows, with weights that do not move."""
    recipe = Recipe(forget={"kind": "ga"}, optimizer={"kind": "adamw", "lr": 1e-30})
    first, second = losses(Run(**{**vars(RUN), "recipe": recipe}))
    assert len({-first[0], first[1], -second[0], second[1]}) == 4


def test_the_retain_side_draws_the_same_whatever_the_forget_side_drew():
    forgetting_below = Recipe(forget={"kind": "rmu", "layer": 0})
    whole, below = losses(RUN)[0], losses(Run(**{**vars(RUN), "recipe": forgetting_below}))[0]
    assert whole[1] == below[1]


def _on_rank(rank: int, folder: str) -> None:
    drawn = []
    model = dropping_out()
    model.lm_head.register_forward_hook(lambda _module, _inputs, logits: drawn.append(logits.detach().clone()))
    train(model, Run(**{**vars(RUN), "engine": Engine(processes=2)}))
    torch.save(drawn, f"{folder}/{rank}.pt")


def test_each_rank_draws_for_itself(tmp_path):
    """Each has one of two equal rows: the same in training mode only if the same were left out."""
    run_ranks(_on_rank, 2, tmp_path, str(tmp_path))
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert len(one) == len(other) == 4
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))
