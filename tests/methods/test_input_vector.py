"""A vector at the input: nothing else moves, and a plain checkpoint holds it."""

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scopes.input_vector import InputVector
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples

FORGET, RETAIN = random_examples(7, seed=1), random_examples(9, seed=2)
ADAMW = {"kind": "adamw", "lr": 1e-2}


def tied() -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    return LlamaForCausalLM(LlamaConfig(**shape, num_attention_heads=2, pad_token_id=0, tie_word_embeddings=True))


def logits(model) -> torch.Tensor:
    return Forward(model.eval(), FORGET.batch(range(7))).supervised_logits().detach()


def trained(model, precision: str = "fp32", retain: str = "nll"):
    recipe = Recipe(forget={"kind": "ga"}, retain={"kind": retain}, scope=InputVector(), optimizer=ADAMW)
    run = Run(recipe, Schedule(steps=4, batch_size=5), RETAIN, FORGET, seed=3, engine=Engine(precision=precision))
    return train(model, run)


@pytest.mark.parametrize("build", [build_tiny_model, tied])
def test_opened_it_is_theta_0_and_has_one_vector_to_train(build):
    model = build()
    before = logits(model)
    InputVector().open(model)
    assert [n for n, p in model.named_parameters() if p.requires_grad] == ["model.embed_tokens.shift"]
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize("build", [build_tiny_model, tied])
def test_the_gradient_of_the_vector_is_the_sum_over_all_positions(build):
    model = build()
    InputVector().open(model)
    seen = []
    model.get_input_embeddings().register_forward_hook(lambda _m, _i, out: (out.retain_grad(), seen.append(out))[1])
    Forward(model, FORGET.batch(range(7))).token_logprobs().sum().backward()
    torch.testing.assert_close(model.model.embed_tokens.shift.grad, seen[0].grad.sum((0, 1)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("build", [build_tiny_model, tied])
def test_what_is_saved_says_what_was_trained(build, precision, tmp_path, monkeypatch):
    seen = {}
    close = InputVector.close
    monkeypatch.setattr(
        InputVector, "close", lambda self, model: (seen.update(logits=logits(model)), close(self, model))[1]
    )
    before = build()
    model, _ = trained(copy.deepcopy(before), precision)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    torch.testing.assert_close(logits(loaded), seen["logits"], rtol=1e-4, atol=1e-5)
    assert (logits(before) - seen["logits"]).abs().max() > 1e-3
    moved = loaded.get_input_embeddings().weight - before.get_input_embeddings().weight
    torch.testing.assert_close(moved, moved[:1].expand_as(moved), rtol=0, atol=1e-6)
    for name, weight in before.named_parameters():
        if "embed_tokens" not in name:
            assert torch.equal(loaded.get_parameter(name), weight), name
    assert torch.equal(loaded.lm_head.weight, before.lm_head.weight)


def test_the_reference_has_no_vector():
    """KL is zero at first and not after."""
    _, rows = trained(build_tiny_model(), retain="kl")
    assert rows[0]["retain_loss"] == pytest.approx(0, abs=1e-6)
    assert rows[-1]["retain_loss"] > 1e-4


def test_embeddings_that_scale_are_refused():
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    shape = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "head_dim": 8}
    model = Gemma3ForCausalLM(Gemma3TextConfig(**shape, num_attention_heads=2, num_key_value_heads=1))
    with pytest.raises(BadInputError, match="Gemma3TextScaledWordEmbedding"):
        InputVector().open(model)
