"""Which weights move."""

import pytest
import torch

from blur_pipeline.methods.scope import AllWeights, Lora, Modules


def test_modules_opens_what_matches_and_nothing_else(tiny_model):
    Modules(patterns=["*.layers.1.mlp.down_proj.weight"]).open(tiny_model)
    assert [n for n, p in tiny_model.named_parameters() if p.requires_grad] == ["model.layers.1.mlp.down_proj.weight"]


def test_a_pattern_without_a_match_is_named(tiny_model):
    with pytest.raises(ValueError, match=r"'\*down_porj\*' matches no weight"):
        Modules(patterns=["*down_porj*"]).open(tiny_model)


def test_all_opens_everything(tiny_model):
    assert all(p.requires_grad for p in AllWeights().open(tiny_model.requires_grad_(False)).model.parameters())


def test_lora_trains_adapters_alone_and_merges_them(tiny_model):
    before = {n: p.clone() for n, p in tiny_model.named_parameters()}
    scope = Lora(rank=2, alpha=4)
    wrapped = scope.open(tiny_model).model
    assert all("lora" in n for n, p in wrapped.named_parameters() if p.requires_grad)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.1)
    merged = scope.close(wrapped)
    assert set(dict(merged.named_parameters())) == set(before)
    assert not torch.equal(merged.model.layers[0].mlp.up_proj.weight, before["model.layers.0.mlp.up_proj.weight"])
