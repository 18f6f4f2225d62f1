"""SEUF: attribution, the slices that move, the anchor; on tiny mixtures of experts, at every cut."""

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM, MixtralConfig, Qwen2MoeConfig

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.mixture import mixtures
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.router import RouterAnchor
from blur_pipeline.methods.scopes.experts import Experts, affinity, strongest
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.look import SetLook
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples
from tests.methods.given import Given
from tests.workers import run_ranks

FORGET = random_examples(7, seed=1).with_reference(torch.linspace(-30, -10, 7))
RETAIN = random_examples(9, seed=2)
SHAPE = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1,
         "eos_token_id": 2}  # fmt: skip
CONFIGS = {
    "mixtral": MixtralConfig(**SHAPE, intermediate_size=32, num_local_experts=4, num_experts_per_tok=2),
    "qwen2_moe": Qwen2MoeConfig(
        **SHAPE, intermediate_size=32, moe_intermediate_size=24, shared_expert_intermediate_size=24, num_experts=5,
        num_experts_per_tok=2, mlp_only_layers=[0], use_sliding_window=False,
    ),
}  # fmt: skip
SEUF = {
    "forget": [{"kind": "npo"}, {"kind": "router_anchor", "weight": 0.7}],
    "scope": {"kind": "seuf"},
    "optimizer": {"kind": "adamw", "lr": 1e-3, "weight_decay": 1.0},
}


def build(name: str):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[name])
    with torch.no_grad():  # so that it is clear which expert comes second and which third
        for _, block in mixtures(model).values():
            torch.nn.init.normal_(block.gate.weight, std=0.5)
    return model


def look(model) -> SetLook:
    return SetLook(model, {"forget": FORGET, "retain": RETAIN}, torch.device("cpu"))


def run_of(steps: int = 3, engine: dict | None = None, **recipe) -> Run:
    schedule = Schedule(steps=steps, batch_size=5)
    return Run(Recipe(**{**SEUF, **recipe}), schedule, RETAIN, FORGET, seed=3, engine=Engine(**(engine or {})))


@pytest.mark.parametrize("name", CONFIGS)
def test_affinity_is_the_mean_over_tokens_and_then_over_sequences(name):
    """Against transformers' own router logits, one sequence at a time."""
    model = build(name).eval()
    config = model.config
    layers = list(mixtures(model))
    expected = {layer: [] for layer in layers}
    for ids in FORGET.input_ids:
        said = model(input_ids=torch.as_tensor(ids)[None], output_router_logits=True).router_logits
        for layer, logits in zip(layers, [x for x in said if x is not None], strict=True):
            best = logits.softmax(-1).topk(config.num_experts_per_tok)
            scores = best.values / best.values.sum(-1, keepdim=True) if name == "mixtral" else best.values
            expected[layer].append(torch.zeros_like(logits).scatter(1, best.indices, scores).mean(0))
    found = affinity(model, look(model))
    assert layers == ([0, 1] if name == "mixtral" else [1])
    for layer in layers:
        torch.testing.assert_close(found[layer], torch.stack(expected[layer]).mean(0), rtol=1e-4, atol=1e-6)


def test_the_strongest_of_all_layers():
    rows = {0: torch.tensor([0.1, 0.5]), 3: torch.tensor([0.7, 0.2])}
    assert strongest(rows, 3) == [(3, 0), (0, 1), (3, 1)]


@pytest.mark.parametrize("name", CONFIGS)
def test_one_expert_and_its_router_move_and_nothing_else(name):
    before = build(name)
    layer, expert = strongest(affinity(before, look(before)), 1)[0]
    after, _ = train(copy.deepcopy(before), run_of())
    moved = set()
    for key, weight in after.named_parameters():
        different = weight != before.get_parameter(key)
        if ".experts." in key and different.any():
            assert torch.equal(different.flatten(1).any(1).nonzero().flatten(), torch.tensor([expert])), key
        moved |= {key.split(f"layers.{layer}.mlp.")[-1]} if different.any() else set()
    assert moved == {"gate.weight", "experts.gate_up_proj", "experts.down_proj"}


def test_experts_may_be_named():
    model = build("mixtral")
    opened = Experts(named=[(1, 2), (1, 0)]).open(model, look(model))
    mask = opened.masks["model.layers.1.mlp.experts.down_proj"]
    assert mask.flatten(1).all(1).tolist() == [True, False, True, False]
    assert opened.found == {"layer": 1, "expert": 2}
    with pytest.raises(BadInputError, match="no expert 4 in layer 1"):
        Experts(named=[(1, 4)]).open(model, look(model))


def test_a_dense_model_is_refused():
    model = build_tiny_model()
    with pytest.raises(BadInputError, match="this model has none; give a mixture"):
        Experts().open(model, look(model))


def test_the_anchor_by_hand():
    outputs = Given(router=torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])))
    assert RouterAnchor(layer=0, expert=0)(outputs, None).item() == pytest.approx(0.14 + 1.34)
    published = RouterAnchor(layer=0, expert=0, mean_over_experts=True)
    assert published(outputs, None).item() == pytest.approx((0.14 + 1.34) / 3)


def test_the_anchor_reads_the_router_of_the_expert_that_was_found():
    model = build("mixtral")
    layer, expert = strongest(affinity(model, look(model)), 1)[0]
    anchor = {"kind": "router_anchor"}
    _, rows = train(copy.deepcopy(model), run_of(steps=1, forget=anchor))
    _, named = train(copy.deepcopy(model), run_of(steps=1, forget={**anchor, "layer": layer, "expert": expert}))
    _, other = train(
        copy.deepcopy(model), run_of(steps=1, forget={**anchor, "layer": layer, "expert": (expert + 1) % 4})
    )
    assert rows[0]["forget_loss"] == named[0]["forget_loss"] != other[0]["forget_loss"]
    assert rows[0]["forget_gradient_norm"] > 1e-4


def test_an_anchor_without_an_expert_is_refused():
    with pytest.raises(BadInputError, match="needs layer and expert"):
        train(build("mixtral"), run_of(scope={"kind": "all"}))


@pytest.mark.parametrize("layout", ["right", "left", "packed"])
def test_router_logits_leave_padding_out(layout):
    model = build("mixtral").eval()
    batch = FORGET.batch([0, 1, 2], layout=layout)
    alone = torch.cat([Forward(model, FORGET.batch([i])).router(1) for i in (0, 1, 2)])
    torch.testing.assert_close(Forward(model, batch).router(1), alone, rtol=1e-4, atol=1e-5)


CUTS = {
    "micro-batches of two": {"micro_batch_size": 2},
    "left": {"layout": "left", "micro_batch_size": 3},
    "packed": {"layout": "packed"},
    "checkpointing": {"gradient_checkpointing": True, "micro_batch_size": 2},
    "chunks": {"logits_chunk": 4},
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", CONFIGS)
def test_a_step_does_not_depend_on_the_cut(name, cut):
    whole, rows = train(build(name), run_of(1))
    model, cut_rows = train(build(name), run_of(1, CUTS[cut]))
    assert cut_rows[0] == pytest.approx(rows[0], rel=1e-5)
    for key, weight in model.named_parameters():
        torch.testing.assert_close(weight, whole.get_parameter(key), rtol=0, atol=1e-6)


@pytest.mark.parametrize("precision", ["bf16_autocast", "bf16"])
def test_half_precision_moves_the_same_slice(precision):
    before = build("mixtral")
    after, rows = train(copy.deepcopy(before), run_of(1, {"precision": precision}))
    _, expected = train(copy.deepcopy(before), run_of(1))
    assert rows[0]["forget_loss"] == pytest.approx(expected[0]["forget_loss"], rel=2e-2)
    rows_moved = {
        key: (weight != before.get_parameter(key)).flatten(1).any(1).sum().item()
        for key, weight in after.named_parameters()
        if "experts" in key
    }
    assert sorted(rows_moved.values()) == [0, 0, 1, 1]


def _on_rank(rank: int, folder: str) -> None:
    model, rows = train(build("mixtral"), run_of(2))
    torch.save((dict(model.named_parameters()), rows), f"{folder}/{rank}.pt")


def test_two_ranks_take_the_step_of_one(tmp_path):
    _, rows = train(build("mixtral"), run_of(2))
    run_ranks(_on_rank, 2, tmp_path, str(tmp_path))
    (one, said), (other, _) = (torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in range(2))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert said[0] == pytest.approx(rows[0], rel=1e-5)
