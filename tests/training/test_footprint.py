"""The arithmetic of memory against the bytes that a training really holds."""

import gc

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training import footprint as footprint_of
from blur_pipeline.training import loop, weights
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.footprint import footprint
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from tests.conftest import random_examples

NPO = {"forget": {"kind": "npo"}}
RECIPES = {
    "npo": NPO,
    "npo_kl": {**NPO, "retain": {"kind": "kl"}},
    "lora": {**NPO, "scope": {"kind": "lora", "rank": 32}, "retain": {"kind": "kl"}},
    "modules": {**NPO, "scope": {"kind": "modules", "patterns": ["*.mlp.*"]}, "retain": {"kind": "kl"}},
}
ENGINES = {
    "fp32": {},
    "bf16": {"precision": "bf16"},
    "bf16, four parts": {"precision": "bf16", "micro_batch_size": 1},
    "fp32, forget gradient in bf16": {"gradient_buffer": "bf16"},
    "bf16, forget gradient on the host": {"precision": "bf16", "gradient_buffer": "host"},
}
RANK = 32
SHAPE = LlamaConfig(vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2)
SMALL = 4096
"""Tensors below so many bytes are batches, rotary tables, scalars; the weights here are larger."""


@pytest.fixture(scope="module", autouse=True)
def _older_objects_apart():
    """What was there before is not looked through again and again: millions of objects, a second each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def living() -> int:
    """Bytes of all large tensors, each storage once."""
    gc.collect()
    found = [t for t in gc.get_objects() if issubclass(type(t), torch.Tensor)]
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in found}
    return sum(size for size in storages.values() if size >= SMALL)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", RECIPES)
def test_with_both_gradients_there(name, engine, monkeypatch):
    """Measured where the matrix of inner products is taken, at the second step, when moments exist."""
    before, seen, known = living(), [], loop.gram_matrix
    monkeypatch.setattr(loop, "gram_matrix", lambda *a: (seen.append(living()), known(*a))[1])
    torch.manual_seed(0)
    model = LlamaForCausalLM(SHAPE)
    recipe, of = Recipe(**RECIPES[name]), Engine(**ENGINES[engine])
    forget = random_examples(4, 1).with_reference([-20.0] * 4)
    run = Run(recipe, Schedule(steps=2, batch_size=4), random_examples(4, 2), forget, engine=of)
    size = sum(p.numel() for p in model.parameters())
    linear = [(n, m) for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"]
    adapters = sum(RANK * (m.in_features + m.out_features) for _, m in linear)
    trained = {"lora": adapters, "modules": sum(m.weight.numel() for n, m in linear if ".mlp." in n)}.get(name, size)
    train(model, run)
    said = footprint(
        size + (adapters if name == "lora" else 0), trained, recipe, of, parts=4 if "four" in engine else 1
    )
    held = said.static + said.forget_gradient + said.retain_gradient + said.host
    assert seen[-1] - before == pytest.approx(held, rel=0.03)


@pytest.mark.parametrize("buffer", ["full", "host"])
def test_while_the_weights_move(buffer, monkeypatch):
    """Masters and direction of one portion beside the retain gradient; whole masters would be 4 bytes a weight more."""
    monkeypatch.setattr(weights, "PORTION_BYTES", {"cpu": 60_000})
    monkeypatch.setattr(footprint_of, "PORTION_BYTES", {"cpu": 60_000})
    before, seen, known = living(), [], torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *a: (known(*a), seen.append(living() - before))[0])
    torch.manual_seed(0)
    model = LlamaForCausalLM(SHAPE)
    recipe, of = Recipe(**NPO), Engine(precision="bf16", gradient_buffer=buffer)
    forget = random_examples(4, 1).with_reference([-20.0] * 4)
    train(model, Run(recipe, Schedule(steps=2, batch_size=4), random_examples(4, 2), forget, engine=of))
    total, largest = (f(p.numel() for p in model.parameters()) for f in (sum, max))
    said = footprint(total, total, recipe, of, largest=largest, device="cpu")
    later = seen[len(seen) // 2 :]  # of the second step, when moments exist
    assert said.static < min(later)
    assert max(later) < 1.03 * (said.peak + said.host)
