"""The same global batch gives the same step, however it is cut: ranks, shards, micro-batches, padding, chunks.

Held three steps away from θ₀ and in each precision: every run here takes up the checkpoint of one that was not cut,
and their fourth steps are compared.
"""

import copy
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from blur_pipeline.methods.gradient import GradientEstimator
from blur_pipeline.methods.losses import ForgetLoss, RetainLoss
from blur_pipeline.methods.optimizer import OptimizerChoice
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scope import Scope
from blur_pipeline.methods.scopes.choice import ScopeChoice
from blur_pipeline.methods.weighting import Weighting
from blur_pipeline.models.examples import IGNORED, Examples
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.workers.sharding import gather
from tests.conftest import build_tiny_model, random_examples
from tests.training.plain import ROUNDING
from tests.workers import run_ranks

BLUR = {"weighting": {"kind": "bilevel", "gamma": 0.5}}
RECIPES = {
    "blur_npo": {"forget": {"kind": "npo"}, **BLUR},
    "blur_simnpo_none": {"forget": {"kind": "simnpo", "beta": 0.5}, "retain": {"kind": "none"}, **BLUR},
    "grad_diff_kl": {"forget": {"kind": "ga"}, "retain": {"kind": "kl"}},
    "npo_logits_kl": {"forget": {"kind": "npo_logits"}, "retain": {"kind": "kl"}, **BLUR},
    "blur_rmu": {
        "forget": {"kind": "rmu", "layer": 1},
        "retain": {"kind": "activation_mse", "layer": 1},
        "scope": {"kind": "modules", "patterns": ["*.layers.1.mlp.down_proj.weight"]},
        **BLUR,
    },
    "rmu_all": {
        "forget": {"kind": "rmu", "layer": 0, "prompt": False},
        "retain": {"kind": "activation_mse", "layer": 0, "prompt": False},
        **BLUR,
    },
    "r2mu": {
        "forget": [{"kind": "rmu", "layer": 1}, {"kind": "rmu", "layer": 1, "on": "traces", "weight": 0.5}],
        "retain": [
            {"kind": "activation_mse", "layer": 1},
            {"kind": "activation_mse", "layer": 1, "on": "cot", "weight": 2.0},
        ],
    },
    "dpo": {"forget": {"kind": "dpo"}, **BLUR},
    "dpo_alternative_idk": {"forget": [{"kind": "dpo", "answer": "alternative"}, {"kind": "idk", "weight": 0.5}]},
    "simdpo": {"forget": {"kind": "simdpo", "delta": 0.5}},
    "jensun": {"forget": {"kind": "jensun"}, "retain": {"kind": "js"}},
    "whp": {"forget": {"kind": "whp"}, "retain": {"kind": "none"}},
    "flat": {"forget": {"kind": "flat"}, "retain": {"kind": "none"}},
    "lora": {"forget": {"kind": "npo"}, "scope": {"kind": "lora", "rank": 2}, **BLUR},
    "wga": {"forget": {"kind": "wga"}},
    "tnpo_blur": {"forget": {"kind": "tnpo"}, **BLUR},
    "satimp": {"forget": {"kind": "satimp"}},
    "ce_u": {"forget": {"kind": "ce_u"}, **BLUR},
    "lora_undial": {"forget": {"kind": "undial"}, "scope": {"kind": "lora", "rank": 2}},
    "ihl": {"forget": {"kind": "ihl"}, **BLUR},
    "logit_margin": {"forget": {"kind": "logit_margin"}},
    "entropy": {"forget": [{"kind": "entropy"}, {"kind": "entropy", "prompt": False, "weight": 0.5}], **BLUR},
    "ugradsl": {"forget": {"kind": "ugradsl"}},
    "unlikelihood": {"forget": {"kind": "unlikelihood"}, **BLUR},
    "loku": {"forget": {"kind": "ga"}, "retain": {"kind": "kl"}, "scope": {"kind": "fila", "rank": 2}},
    "wagle_npo": {"forget": {"kind": "npo"}, "scope": {"kind": "wagle", "keep": 0.5, "mu": 1.0}},
    "prune_kl": {"forget": {"kind": "npo"}, "retain": {"kind": "kl"}, "scope": {"kind": "prune", "share": 0.3}},
    "sgd": {"forget": {"kind": "npo"}, "optimizer": {"kind": "sgd", "lr": 1e-2, "weight_decay": 0.01}},
    "input_vector_kl": {"forget": {"kind": "npo"}, "retain": {"kind": "kl"}, "scope": {"kind": "input_vector"}},
    "layers": {"forget": {"kind": "npo"}, "scope": {"kind": "layers", "first": 1, "modules": ["mlp.*"]}},
    "blur_adaptive_rmu": {
        "forget": [
            {"kind": "adaptive_rmu", "layer": 1},
            {"kind": "adaptive_rmu", "layer": 0, "coefficient": "topic", "weight": 0.1},
        ],
        "retain": {"kind": "activation_mse", "layer": 1},
        **BLUR,
    },
    "rr": {
        "forget": [{"kind": "rr", "layers": [0, 1], "weight": 5.0}, {"kind": "ga", "weight": 0.1}],
        "retain": [{"kind": "activation_norm", "layers": [0, 1], "grows": True}, {"kind": "nll"}],
    },
    "lora_rr": {
        "forget": [{"kind": "rr", "layers": [0, 1]}, {"kind": "rmu", "layer": 1}],
        "retain": {"kind": "activation_norm", "layers": [0, 1]},
        "scope": {"kind": "lora", "rank": 2},
    },
    "l1": {"forget": {"kind": "none"}, "retain": [{"kind": "nll"}, {"kind": "l1", "weight": 1e-3}]},
    "lora_l1_alone": {
        "forget": {"kind": "ga"},
        "retain": {"kind": "l1", "weight": 0.1, "decays": False},
        "scope": {"kind": "lora", "rank": 2},
    },
    "blur_level_hinge": {
        "forget": [{"kind": "level_hinge", "level": 30.0}, {"kind": "level_hinge", "level": 6.0, "per": "token"}],
        **BLUR,
    },
    "level_square": {
        "forget": [
            {"kind": "level_square", "level": 3.0},
            {"kind": "level_square", "level": 5.0, "per": "token"},
            {"kind": "level_square", "level": "measured", "measured_on": "retain"},
        ],
    },
    "lora_kl": {"forget": {"kind": "npo_logits"}, "retain": {"kind": "kl"}, "scope": {"kind": "lora", "rank": 2}},
    # Differences of losses and gradients over wide steps, lest their rounding be all that is compared.
    "sam": {"forget": {"kind": "npo"}, "gradient": {"kind": "sam", "rho": 0.1}, **BLUR},
    "smoothing": {"forget": {"kind": "npo"}, "gradient": {"kind": "smoothing", "rho": 0.01, "draws": 2}},
    "gradient_penalty": {"forget": {"kind": "npo"}, "gradient": {"kind": "gradient_penalty", "rho": 0.1, "delta": 0.1}},
    "curvature": {"forget": {"kind": "npo"}, "gradient": {"kind": "curvature", "rho": 0.1, "mu": 1, "delta": 1}},
    "two_point": {"forget": {"kind": "npo"}, "gradient": {"kind": "two_point", "epsilon": 0.1, "draws": 2}},
    "coordinate": {"forget": {"kind": "npo"}, "gradient": {"kind": "coordinate", "coordinates": 6, "mu": 2}},
    "hybrid": {"forget": {"kind": "npo"}, "gradient": {"kind": "hybrid", "turn": 1, "zeroth": {"epsilon": 2}}},
    "tamper_resistance": {
        "forget": {"kind": "npo"},
        "gradient": {"kind": "tamper_resistance", "steps": 2, "every": 1, "adversary": "sgd", "lrs": [0.1]},
    },
    "invariance": {"forget": {"kind": "npo"}, "retain": [{"kind": "nll"}, {"kind": "invariance"}]},
    "sophia": {"forget": {"kind": "npo"}, "optimizer": {"kind": "sophia", "gamma": 3, "eps": 0.1, "lr": 1e-2}},
    "schedule_free": {"forget": {"kind": "npo"}, "optimizer": {"kind": "schedule_free", "lr": 1e-2}},
    "pcgrad": {"forget": {"kind": "npo"}, "weighting": {"kind": "pcgrad", "forget": 0.2}},
    "mgda": {"forget": {"kind": "npo"}, "weighting": {"kind": "mgda"}},
    "gru": {"forget": {"kind": "npo"}, "weighting": {"kind": "gru"}},
    "dual": {"forget": {"kind": "npo"}, "weighting": {"kind": "dual", "penalty": 0.5, "bound": 2}},
}
UNCUT: dict[str, str] = {
    "adamw_8bit": "its moments are rounded to eight bits, block by block of whole tensors",
    "sign": "a sum of another rounding may have another sign; test_memory.py",
    "router_anchor": "it needs a mixture of experts; test_experts.py cuts it",
    "seuf": "likewise",
    "n_bit": "a sum of another rounding may be rounded to another number; test_memory.py",
}
"""Choices that stand in no recipe above, with the reason."""
CUTS = {
    "micro-batches of one, logits in chunks": {"micro_batch_size": 1, "logits_chunk": 4},
    "micro-batches of 30 tokens, left, checkpointing": {
        "micro_batch_tokens": 30,
        "layout": "left",
        "gradient_checkpointing": True,
    },
    "packed": {"layout": "packed"},
    "packed micro-batches, checkpointing": {"layout": "packed", "micro_batch_size": 2, "gradient_checkpointing": True},
}
"""What does not change a step together with another changes it alone neither; a cut of one row has no padding."""
PACKED_ALONE = {"blur_npo", "grad_diff_kl", "sam", "dual", "lora", "sophia"}
"""Of the others packing is shown together with micro-batches."""
IN_HALF = ("micro-batches of one, logits in chunks", "packed micro-batches, checkpointing")
CELLS = [("fp32", cut) for cut in CUTS] + [(half, cut) for half in ("bf16_autocast", "bf16") for cut in IN_HALF]
WHOLE = Engine()
AWAY = 3


def with_companions(forget: Examples) -> Examples:
    """Other answers, shorter and longer than the forget rows themselves."""
    scores = torch.linspace(-10, -40, len(forget))
    answers = {name: random_examples(len(forget), seed) for name, seed in (("refusal", 4), ("alternative", 5))}
    beside = {name: examples.with_reference(scores) for name, examples in answers.items()}
    others = [np.where(labels == IGNORED, IGNORED, (labels * 7) % 64) for labels in forget.labels]
    beside["generic"] = Examples.from_columns(forget.input_ids, others)
    return replace(forget, companions=beside)


def cut_run(name: str, engine: Engine = WHOLE, steps: int = 2, lr: float = 1e-3) -> Run:
    """A short training of the tiny model."""
    recipe = Recipe(**{"optimizer": {"kind": "adamw", "lr": lr}, **RECIPES[name]})
    forget = random_examples(7, seed=1).with_reference(torch.linspace(-30, -10, 7))
    forget = with_companions(forget)
    schedule = Schedule(steps=steps, batch_size=5, max_grad_norm=0.5)
    further = {"traces": random_examples(6, seed=6), "cot": random_examples(8, seed=7)}
    further = {name: examples for name, examples in further.items() if name in recipe.sets()}
    return Run(recipe, schedule, random_examples(9, seed=2), forget, seed=3, engine=engine, further=further)


def away_run(name: str, engine: Engine, folder: Path) -> Run:
    """The fourth step alone where ``folder`` holds the first three, which take θ well away from θ₀."""
    checkpoints = Checkpoints(folder, f"{name}-{engine.precision}", every=AWAY)
    return Run(**{**vars(cut_run(name, engine, steps=AWAY + 1, lr=1e-2)), "checkpoints": checkpoints})


def assert_same_step(name: str, row: dict, expected: dict, rel: float) -> None:
    """Every scalar. What is a sum of both signs may be off by the rounding of its terms: KL by that of
    log-probabilities of about 4, the cosine by that of products below 1, and with it ξ and the direction."""
    ratio = expected["retain_gradient_norm"] / max(expected["forget_gradient_norm"], 1e-12)
    slack = {
        "retain_loss": 4 * 2**-24 if "kl" in {loss.kind for loss in Recipe(**RECIPES[name]).retain} else 0,
        "gradient_cosine": 2 * rel,
        "forget_weight": 4 * rel * ratio,
        "direction_norm": 4 * rel * expected["retain_gradient_norm"],
    }
    assert row.keys() == expected.keys()
    for scalar, value in expected.items():
        assert row[scalar] == pytest.approx(value, rel=rel, abs=slack.get(scalar, 0)), scalar


def assert_same_steps(rows: list[dict], expected: list[dict], rel: float = 1e-5) -> None:
    """From the untouched model on: the first step, and of later ones roughly, since Adam magnifies rounding at first.

    The cosine with a gradient that is zero but for rounding, as the retain gradient's at θ₀, says nothing.
    """
    for step, (row, other) in enumerate(zip(rows, expected, strict=True)):
        tiny = min(row["retain_gradient_norm"], row["forget_gradient_norm"]) < 1e-3
        for name in row.keys() - ({"gradient_cosine"} if tiny else set()):
            assert row[name] == pytest.approx(other[name], rel=rel if step == 0 else 1000 * rel, abs=1e-6), name


def assert_same_weights(weights: dict, expected: dict, rel: float) -> None:
    """After a step of Adam, which moves a weight by the learning rate times a ratio of gradients."""
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=25 * rel * 2.5e-3)


def test_every_choice_is_cut():
    """A new choice is either in a recipe above, or its reason is given."""
    recipes = [Recipe(**recipe) for recipe in RECIPES.values()]
    slots = {"forget": ForgetLoss, "retain": RetainLoss, "gradient": GradientEstimator, "weighting": Weighting,
             "scope": Scope, "optimizer": OptimizerChoice}  # fmt: skip
    for slot, union in slots.items():
        chosen = [getattr(recipe, slot) for recipe in recipes]
        cut = {choice.kind for some in chosen for choice in (some if isinstance(some, tuple) else [some])}
        assert cut | UNCUT.keys() >= kinds_of(union), slot


def kinds_of(union) -> set[str]:
    """Of a discriminated union, or of one class that stands for itself."""
    choices = get_args(get_args(union)[0]) if get_args(union) else [union]
    return {choice.model_fields["kind"].default for choice in choices}


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    """Folder of the checkpoints, and what the run that is not cut gives from there: its model and last row."""
    folder, made = tmp_path_factory.mktemp("uncut"), {}

    def make(name: str, precision: str):
        if (name, precision) not in made:
            engine = Engine(precision=precision)
            model, rows = train(build_tiny_model(), away_run(name, engine, folder))
            made[name, precision] = model, rows[-1]
        return folder, *made[name, precision]

    return make


def computed_in(precision: str) -> list[str]:
    """The recipes that this precision is good for."""
    return [name for name, recipe in RECIPES.items() if not Recipe(**recipe).refuses(precision)]


def cut_in(precision: str, cut: str) -> list[str]:
    return [name for name in computed_in(precision) if cut != "packed" or name in PACKED_ALONE]


@pytest.mark.parametrize(("name", "precision", "cut"), [(n, p, cut) for p, cut in CELLS for n in cut_in(p, cut)])
def test_cuts_within_a_process(name, precision, cut, uncut):
    folder, model, expected = uncut(name, precision)
    engine = Engine(precision=precision, **CUTS[cut])
    cut_model, rows = train(build_tiny_model(), away_run(name, engine, folder))
    assert_same_step(name, rows[-1], expected, ROUNDING[precision])
    assert_same_weights(cut_model.state_dict(), model.state_dict(), ROUNDING[precision])


WHOLE_ALONE = {name for name, recipe in RECIPES.items() if Recipe(**recipe).scope.looks}
"""Their scopes look at the whole model first, and are refused where it is sharded."""


def cells(ranks: int, sharding: str) -> list[tuple[str, str]]:
    if ranks == 4:
        found = [(name, "fp32") for name in ("blur_npo", "blur_rmu", "lora_kl")]
    else:
        found = [(name, precision) for precision in ROUNDING for name in computed_in(precision)]
    return [cell for cell in found if sharding == "ddp" or cell[0] not in WHOLE_ALONE]


def _on_rank(rank: int, sharding: str, ranks: int, folder: str, results: str) -> None:
    for name, precision in cells(ranks, sharding):
        cut = {"micro_batch_size": 2} if ranks == 2 else {"micro_batch_tokens": 12}
        if sharding == "fsdp" and precision == "bf16":  # what a large model is trained with changes no step either
            cut |= {"gradient_checkpointing": True, "gradient_buffer": "host"}
        engine = Engine(processes=ranks, sharding=sharding, precision=precision, **cut)
        model, history = train(build_tiny_model(), away_run(name, engine, Path(folder)))
        weights = gather(model) if sharding == "fsdp" else model.state_dict()
        if rank == 0 or sharding == "ddp":
            torch.save((weights, history[-1]), f"{results}/{name}-{precision}-{rank}.pt")


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_ranks_and_shards(sharding, ranks, uncut, tmp_path):
    """Five rows on four ranks leave some ranks one row and others two: means are over the step all the same."""
    whole = {cell: uncut(*cell) for cell in cells(ranks, sharding)}
    folder = next(iter(whole.values()))[0]
    run_ranks(_on_rank, ranks, tmp_path, sharding, ranks, str(folder), str(tmp_path))
    for (name, precision), (_, alone, expected) in whole.items():
        weights, row = torch.load(tmp_path / f"{name}-{precision}-0.pt", weights_only=False)
        assert_same_step(name, row, expected, ROUNDING[precision])
        closes = type(Recipe(**RECIPES[name]).scope).close is not ScopeChoice.close
        if not closes or sharding == "ddp":  # a sharded model still wears its adapters
            assert_same_weights(weights, alone.state_dict(), ROUNDING[precision])
        for rank in range(1, ranks if sharding == "ddp" else 1):
            theirs, _ = torch.load(tmp_path / f"{name}-{precision}-{rank}.pt", weights_only=False)
            assert all(torch.equal(theirs[key], weights[key]) for key in weights)  # replicas never drift


@pytest.mark.parametrize("precision", ["bf16_autocast", "bf16"])
def test_half_precision_stays_close(precision):
    """Of the first step, since Adam's first one goes by the signs of gradients."""
    _, expected = train(build_tiny_model(), cut_run("blur_npo", steps=1))
    _, rows = train(build_tiny_model(), cut_run("blur_npo", Engine(precision=precision), steps=1))
    for name in ("forget_loss", "retain_loss", "forget_gradient_norm", "retain_gradient_norm", "direction_norm"):
        assert rows[0][name] == pytest.approx(expected[0][name], rel=4 * ROUNDING[precision])


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


@pytest.mark.parametrize("name", ["blur_npo", "lora", "sophia", "schedule_free", "wagle_npo", "l1", "gru"])
def test_a_step_in_portions_and_a_gradient_that_waits_on_the_host_change_no_bit(name, monkeypatch):
    """The schedule-free optimizer counts its own calls: three portions were three steps to it."""
    plain, host = (Engine(precision="bf16", gradient_buffer=buffer) for buffer in ("full", "host"))
    expected, rows = train(build_tiny_model(), cut_run(name, plain))
    monkeypatch.setattr("blur_pipeline.training.weights.PORTION_BYTES", {"cpu": 1500})
    model, again = train(build_tiny_model(), cut_run(name, host))
    assert host.numerics() == plain.numerics()  # so either finds what the other made
    assert again == rows
    assert all(torch.equal(value, expected.state_dict()[key]) for key, value in model.state_dict().items())
