"""No mask where none is needed, and none that the host reads; the same logits as one sequence at a time."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
)

from blur_pipeline.models.forward import Forward
from blur_pipeline.models.masks import unread_masks
from tests.conftest import random_examples
from tests.host_reads import HostReads

SHAPE = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64,
         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
GPT = {"vocab_size": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "pad_token_id": 0,
       "bos_token_id": 1, "eos_token_id": 2, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}  # fmt: skip
WINDOW = 4  # shorter than every row of the examples
CONFIGS = {
    "llama": LlamaConfig(**SHAPE),
    "qwen2": Qwen2Config(**SHAPE),
    "gpt2": GPT2Config(**GPT),
    "mistral": MistralConfig(**SHAPE, sliding_window=WINDOW),
    "mistral, wide window": MistralConfig(**SHAPE, sliding_window=64),
    "gemma3": Gemma3TextConfig(
        **SHAPE, head_dim=8, sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention"]
    ),
}
ROWS = [4, 0, 6, 2]


def build(name: str, attention: str = "sdpa") -> torch.nn.Module:
    """With weights large enough for attention to matter."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[name], attn_implementation=attention).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name and "ln_" not in name:
                parameter.mul_(10)
    return model


@torch.no_grad()
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("layout", ["right", "left", "packed"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_batch_says_what_each_sequence_says_alone(name, layout, attention):
    model, examples = build(name, attention), random_examples(8, seed=5)
    found = Forward(model, examples.batch(ROWS, layout=layout)).position_logits()
    alone = torch.cat([model(input_ids=torch.as_tensor(examples.input_ids[i])[None]).logits[0] for i in ROWS])
    torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("layout", ["right", "left", "packed"])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_host_reads_no_mask(name, layout, attention):
    model, examples = build(name, attention), random_examples(8, seed=5)
    for rows in (ROWS, ROWS[:1]):  # with padding, and without
        batch = examples.batch(rows, layout=layout)
        with HostReads() as reads:
            Forward(model, batch).token_logprobs()
        assert reads.seen == {}


@pytest.mark.parametrize("layout", ["right", "left", "packed"])
def test_where_nothing_is_padded_nothing_is_masked(layout, monkeypatch):
    """So that torch may choose its causal kernels."""
    masks, attend = [], torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        torch.nn.functional,
        "scaled_dot_product_attention",
        lambda *a, attn_mask=None, **k: (masks.append(attn_mask), attend(*a, attn_mask=attn_mask, **k))[1],
    )
    model, examples = build("llama"), random_examples(8, seed=5)
    Forward(model, examples.batch(ROWS[:1], layout=layout)).token_logprobs()
    if layout == "right":
        Forward(model, examples.batch(ROWS, layout=layout)).token_logprobs()
    assert len(masks) == (4 if layout == "right" else 2)
    assert all(mask is None for mask in masks)


def test_attention_of_another_kind_is_told_of_packed_rows_by_their_positions():
    """It builds its own masks, and looks at the positions where it was given none."""
    model, examples = build("llama"), random_examples(8, seed=5)
    model.config._attn_implementation = "flash_attention_2"
    with unread_masks(model, examples.batch(ROWS, layout="packed")) as mask:
        assert mask is None
    with unread_masks(model, examples.batch(ROWS)) as mask:
        assert mask.all()
