"""Key heads repeated: the attention of transformers, in the shapes that torch has fused kernels for."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from blur_pipeline.models import heads
from blur_pipeline.models.heads import attend, whole_heads


def grouped_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def test_attention_is_that_of_transformers(monkeypatch):
    """With a mask and without; fused kernels are asked for as many key heads as query heads, no group among them."""
    model, ids = grouped_model(), torch.randint(64, (3, 7))
    padded = torch.ones_like(ids).index_fill(1, torch.tensor([0]), 0)
    asked, sdpa = [], torch.nn.functional.scaled_dot_product_attention

    def watched(query, key, value, **named):
        asked.append((query.shape == key.shape, named.get("enable_gqa", False)))
        return sdpa(query, key, value, **named)

    with torch.no_grad():
        expected = [model(ids).logits, model(ids, attention_mask=padded).logits]
        monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
        monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "sdpa", attend)
        found = [model(ids).logits, model(ids, attention_mask=padded).logits]
    torch.testing.assert_close(found, expected)
    assert set(asked) == {(True, False)}


def test_half_precision_is_left_to_its_kernels(monkeypatch):
    model, ids = grouped_model().bfloat16(), torch.randint(64, (3, 7))
    shapes = []
    monkeypatch.setattr(heads, "sdpa_attention_forward", lambda m, q, k, *a, **n: (
        shapes.append(k.shape[1]), sdpa_attention_forward(m, q, k, *a, **n))[1])  # fmt: skip
    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "sdpa", attend)
    with torch.no_grad():
        model(ids)
    assert set(shapes) == {2}


def test_it_is_open_within_itself_and_closed_at_the_end():
    gpu = torch.device("cuda")
    with whole_heads(torch.device("cpu")):
        assert ALL_ATTENTION_FUNCTIONS["sdpa"] is sdpa_attention_forward
    with whole_heads(gpu):
        with whole_heads(gpu):
            assert ALL_ATTENTION_FUNCTIONS["sdpa"] is attend
        assert ALL_ATTENTION_FUNCTIONS["sdpa"] is attend
    assert ALL_ATTENTION_FUNCTIONS["sdpa"] is sdpa_attention_forward


def test_it_is_traced_whole(monkeypatch):
    """As ``training.compiled`` does it, layer by layer, under autocast too."""
    model, ids = grouped_model(), torch.randint(64, (3, 7))
    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "sdpa", attend)
    expected = model(ids).logits
    torch.compiler.reset()
    for layer in model.model.layers:
        layer.compile(dynamic=True, backend="eager", fullgraph=True)
    torch.testing.assert_close(model(ids).logits, expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(model(ids).logits.float(), expected, rtol=0.1, atol=0.1)
