"""The same global batch gives the same step, however it is cut: ranks, shards, micro-batches, padding, precision."""

import copy

import pytest
import torch

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.workers.sharding import gather
from tests.conftest import build_tiny_model, random_examples
from tests.workers import run_ranks

BLUR = {"weighting": {"kind": "bilevel", "gamma": 0.5}, "optimizer": {"kind": "adamw", "lr": 1e-3}}
RECIPES = {
    "blur_npo": {"forget": {"kind": "npo"}, **BLUR},
    "blur_simnpo_none": {"forget": {"kind": "simnpo"}, "retain": {"kind": "none"}, **BLUR},
    "grad_diff_kl": {"forget": {"kind": "ga"}, "retain": {"kind": "kl"}},
    "blur_rmu": {
        "forget": {"kind": "rmu", "layer": 1},
        "retain": {"kind": "activation_mse", "layer": 1},
        "scope": {"kind": "modules", "patterns": ["*.layers.1.mlp.down_proj.weight"]},
        **BLUR,
    },
    "rmu_all": {"forget": {"kind": "rmu", "layer": 0}, "retain": {"kind": "activation_mse", "layer": 0}, **BLUR},
    "lora": {"forget": {"kind": "npo"}, "scope": {"kind": "lora", "rank": 2}, **BLUR},
    "per_module": {"forget": {"kind": "npo"}, "weighting": {"kind": "bilevel", "per": "module"}},
    "adam_metric": {"forget": {"kind": "npo"}, "weighting": {"kind": "bilevel", "metric": "adam"}},
}
WHOLE = Engine()


def cut_run(name: str, engine: Engine = WHOLE, steps: int = 2) -> Run:
    forget = random_examples(7, seed=1).with_reference(torch.linspace(-30, -10, 7))
    schedule = Schedule(steps=steps, batch_size=5, max_grad_norm=0.5)
    return Run(Recipe(**RECIPES[name]), schedule, random_examples(9, seed=2), forget, seed=3, engine=engine)


def assert_same_steps(rows: list[dict], expected: list[dict], rel: float = 1e-5) -> None:
    """Every scalar of the first step; of later ones only roughly, since Adam magnifies rounding at first.

    The cosine with a gradient that is zero but for rounding, as the retain gradient's at θ₀, says nothing.
    """
    for step, (row, other) in enumerate(zip(rows, expected, strict=True)):
        tiny = min(row["retain_gradient_norm"], row["forget_gradient_norm"]) < 1e-3
        for name in row.keys() - ({"gradient_cosine"} if tiny else set()):
            assert row[name] == pytest.approx(other[name], rel=rel if step == 0 else 1000 * rel, abs=1e-6), name


def _on_rank(rank: int, sharding: str, folder: str) -> None:
    for name in RECIPES:
        engine = Engine(processes=2, sharding=sharding, micro_batch_size=2)
        model, history = train(build_tiny_model(), cut_run(name, engine))
        weights = gather(model) if sharding == "fsdp" else model.state_dict()
        if rank == 0 or sharding == "ddp":
            torch.save((weights, history), f"{folder}/{name}-{rank}.pt")


@pytest.mark.parametrize(("ranks", "sharding"), [(2, "ddp"), (4, "ddp"), (2, "fsdp"), (4, "fsdp")])
def test_ranks_and_shards(ranks, sharding, tmp_path):
    """Five rows on four ranks leave some ranks one row and others two: means are over the step all the same."""
    run_ranks(_on_rank, ranks, tmp_path, sharding, str(tmp_path))
    for name in RECIPES:
        alone, history = train(build_tiny_model(), cut_run(name))
        weights, rows = torch.load(tmp_path / f"{name}-0.pt", weights_only=False)
        assert_same_steps(rows, history)
        if name != "lora" or sharding == "ddp":  # a sharded model still wears its adapters
            for key, value in alone.state_dict().items():
                torch.testing.assert_close(weights[key], value, rtol=1e-4, atol=2e-5)
        for rank in range(1, ranks if sharding == "ddp" else 1):
            theirs, _ = torch.load(tmp_path / f"{name}-{rank}.pt", weights_only=False)
            assert all(torch.equal(theirs[key], weights[key]) for key in weights)  # replicas never drift


CUTS = {
    "micro-batches of one": {"micro_batch_size": 1},
    "micro-batches of two": {"micro_batch_size": 2},
    "padding on the left": {"layout": "left"},
    "packed": {"layout": "packed"},
    "packed micro-batches": {"layout": "packed", "micro_batch_size": 2},
    "gradient checkpointing": {"gradient_checkpointing": True},
    "logits in chunks": {"logits_chunk": 4},
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", RECIPES)
def test_cuts_within_a_process(name, cut):
    _, expected = train(build_tiny_model(), cut_run(name))
    _, rows = train(build_tiny_model(), cut_run(name, Engine(**CUTS[cut])))
    assert_same_steps(rows, expected)


@pytest.mark.parametrize(("engine", "rel"), [({"precision": "bf16_autocast"}, 0.05), ({"precision": "bf16"}, 0.05)])
def test_half_precision_stays_close(engine, rel):
    _, expected = train(build_tiny_model(), cut_run("blur_npo", steps=1))
    _, rows = train(build_tiny_model(), cut_run("blur_npo", Engine(**engine), steps=1))
    for name in ("forget_loss", "retain_loss", "forget_gradient_norm", "retain_gradient_norm", "direction_norm"):
        assert rows[0][name] == pytest.approx(expected[0][name], rel=rel)


def test_bf16_loses_no_small_update_and_no_frozen_digit():
    """A step of 1e-7 on weights of 0.02 is far below bfloat16's 2⁻⁹ of them; the masters keep it."""
    before = build_tiny_model()
    run = cut_run("blur_rmu", Engine(precision="bf16"), steps=3)
    recipe = run.recipe.model_copy(update={"optimizer": run.recipe.optimizer.model_copy(update={"lr": 1e-7})})
    after, _ = train(copy.deepcopy(before), Run(**{**vars(run), "recipe": recipe}))
    trained = "model.layers.1.mlp.down_proj.weight"
    for name, value in before.state_dict().items():
        moved = not torch.equal(after.state_dict()[name], value)
        assert moved == (name == trained), name
    assert after.state_dict()[trained].dtype == torch.float32


def test_the_forget_gradient_may_wait_in_bfloat16():
    _, expected = train(build_tiny_model(), cut_run("blur_npo"))
    _, rows = train(build_tiny_model(), cut_run("blur_npo", Engine(gradient_buffer="bf16")))
    assert rows[0]["direction_norm"] == pytest.approx(expected[0]["direction_norm"], rel=5e-3)
    assert rows[0]["forget_loss"] == expected[0]["forget_loss"]
