"""Log-probabilities of a few tokens at a time are those of all at once: in each precision, whatever the head is."""

import copy

import pytest
import torch

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.objective import autocast
from blur_pipeline.training.prepare import prepare
from tests.conftest import build_tiny_model, random_examples
from tests.training.plain import ROUNDING

CPU = torch.device("cpu")
BATCH = random_examples(32, seed=5).batch(range(32))
SCOPES = {
    "all": {"kind": "all"},
    "all, tied": {"kind": "all"},
    "head alone": {"kind": "modules", "patterns": ["lm_head.weight"]},
    "head frozen": {"kind": "modules", "patterns": ["*.mlp.*"]},
    "adapter on the head": {"kind": "lora", "rank": 2, "target_modules": ["lm_head"]},
    "adapters elsewhere": {"kind": "lora", "rank": 2},
}


def prepared(scope: str, precision: str):
    model = build_tiny_model()
    if "tied" in scope:
        model.config.tie_word_embeddings = True
        model.tie_weights()
    model = prepare(model, Recipe(scope=SCOPES[scope]), Engine(precision=precision), CPU).model
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def looked_at(model, precision: str, chunk: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    """The log-probabilities, and the gradient of a sum of them that weighs each differently."""
    with autocast(precision, CPU):
        logprobs = Forward(model, BATCH, logits_chunk=chunk).token_logprobs()
        (logprobs * torch.linspace(-1, 1, len(logprobs))).sum().backward()
    gradient = torch.cat([p.grad.flatten().double() for p in model.parameters() if p.grad is not None])
    return logprobs.detach(), gradient


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("scope", SCOPES)
def test_chunks_change_nothing(scope, precision):
    model = prepared(scope, precision)
    whole, gradient = looked_at(copy.deepcopy(model), precision, None)
    cut, cut_gradient = looked_at(model, precision, 7)
    assert cut.dtype == torch.float32
    # Nearly all the very same numbers: rounded to bfloat16 they were 2⁻¹⁰ off on average.
    assert (cut - whole).abs().mean() < 2**-13 * whole.abs().mean()
    assert (cut_gradient - gradient).norm() < ROUNDING[precision] * gradient.norm()


@pytest.mark.parametrize("precision", ["bf16_autocast", "bf16"])
def test_gradients_of_many_chunks_are_added_without_rounding(precision):
    """The head's gradient from chunks of one token and of all of them: to one rounding of bfloat16, not to 200."""
    model = prepared("head alone", precision)
    _, whole = looked_at(copy.deepcopy(model), precision, None)
    _, cut = looked_at(model, precision, 1)
    assert (cut - whole).norm() < 2**-8 * whole.norm()


def test_the_logits_of_all_tokens_never_exist():
    shapes = []
    model = build_tiny_model()
    model.lm_head.register_forward_hook(lambda _module, _inputs, logits: shapes.append(logits.shape))
    looked_at(model, "fp32", 7)
    assert max(rows for rows, _ in shapes) == 7
    assert sum(rows for rows, _ in shapes) == 2 * len(BATCH.targets)  # forward, and again in the backward pass
