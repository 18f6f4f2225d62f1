"""Packed rows by kernels that a CPU does not have; what they are called with is held against plain attention."""

import itertools

import pytest
import torch
from torch.nn.attention import varlen
from transformers import AutoModelForCausalLM, GPT2Config, Llama4TextConfig

from blur_pipeline.models import packed
from blur_pipeline.models.forward import Forward
from blur_pipeline.models.packed import packed_kernels
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import train
from tests.conftest import build_tiny_model, random_examples
from tests.models.test_masks import CONFIGS, GPT, ROWS, SHAPE, build
from tests.training.test_every_cut import assert_same_steps, cut_run

CPU = torch.device("cpu")


def plain_varlen(query, key, value, starts, _starts, longest, _longest, *, scale, window_size, enable_gqa):
    """As documented, one sequence after the other: ``(T, heads, D)``."""
    calls.append(len(starts) - 1)
    out, edges = [], starts.tolist()
    left, right = window_size
    assert right == 0
    for first, end in itertools.pairwise(edges):
        assert end - first <= longest
        q, k, v = (part[first:end].transpose(0, 1).float() for part in (query, key, value))
        behind = torch.arange(end - first)[:, None] - torch.arange(end - first)[None]
        seen = (behind >= 0) & ((behind <= left) if left >= 0 else True)
        attended = torch.nn.functional.scaled_dot_product_attention(q, k, v, seen, scale=scale, enable_gqa=enable_gqa)
        out.append(attended.transpose(0, 1).to(query.dtype))
    return torch.cat(out)


calls: list[int] = []


@pytest.fixture(autouse=True)
def _kernels(monkeypatch):
    calls.clear()
    monkeypatch.setattr(varlen, "varlen_attn", plain_varlen)
    monkeypatch.setattr(packed, "_on", lambda device: True)


@torch.no_grad()
@pytest.mark.parametrize("name", CONFIGS)
def test_packed_rows_say_what_each_sequence_says_alone(name):
    model, examples = build(name), random_examples(8, seed=5)
    alone = torch.cat([model(input_ids=torch.as_tensor(examples.input_ids[i])[None]).logits[0] for i in ROWS])
    with packed_kernels(model, CPU):
        found = Forward(model, examples.batch(ROWS, layout="packed")).position_logits()
        one = Forward(model, examples.batch(ROWS[:1], layout="packed")).position_logits()
    torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(one, alone[: len(one)], rtol=1e-4, atol=1e-4)
    assert calls == [4, 4, 1, 1]  # sequences, in each of two layers
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("name", ["blur_npo", "blur_rmu", "grad_diff_kl", "lora"])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("precision", ["bf16", "bf16_autocast"])
def test_a_training_is_the_one_with_masks(name, checkpointing, precision, monkeypatch):
    """In what is computed again in the backward pass, too, and in θ₀'s pass."""
    engine = Engine(layout="packed", precision=precision, gradient_checkpointing=checkpointing)
    _, rows = train(build_tiny_model(), cut_run(name, engine, steps=1))
    assert calls
    monkeypatch.setattr(packed, "_on", lambda device: False)
    calls.clear()
    _, expected = train(build_tiny_model(), cut_run(name, engine, steps=1))
    assert not calls
    for key in ("forget_loss", "forget_gradient_norm"):
        assert rows[0][key] == pytest.approx(expected[0][key], rel=0.02)


def test_float32_has_no_such_kernels():
    _, rows = train(build_tiny_model(), cut_run("blur_npo", Engine(layout="packed")))
    assert not calls
    assert_same_steps(rows, train(build_tiny_model(), cut_run("blur_npo"))[1])


@pytest.mark.parametrize(
    "config",
    [
        Llama4TextConfig(**SHAPE, head_dim=8, num_local_experts=1),  # chunks, which are in the mask alone
        GPT2Config(**GPT | {"attn_pdrop": 0.1}),
        GPT2Config(**GPT | {"n_embd": 8}),  # heads of four
    ],
)
def test_who_wants_what_they_cannot_do_keeps_its_mask(config):
    model = AutoModelForCausalLM.from_config(config)
    with packed_kernels(model, CPU):
        assert model.config._attn_implementation == "sdpa"


def test_dropout_that_comes_later_is_refused():
    model, examples = build("llama"), random_examples(8, seed=5)
    for layer in model.train().model.layers:
        layer.self_attn.attention_dropout = 0.1
    with packed_kernels(model, CPU):
        forward = Forward(model, examples.batch(ROWS, layout="packed"))
        with pytest.raises(ValueError, match="attention with dropout has no variable-length"):
            forward.token_logprobs()
