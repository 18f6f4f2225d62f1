"""θ₀ costs what the scope makes it cost, and says what a whole copy would say."""

import copy
from typing import get_args

import pytest
import torch

from blur_pipeline.methods.choice import Loss, Moment
from blur_pipeline.methods.companions import CompanionLoss
from blur_pipeline.methods.losses import ForgetLoss, RetainLoss
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.objective import Objective
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.reference import FrozenWeights, WithoutAdapters, freeze_reference
from blur_pipeline.training.reference_scores import score_sequences
from tests.conftest import build_tiny_model
from tests.training.plain import ROUNDING, plain_loss, rounded

CPU = torch.device("cpu")
DOWN = "*.layers.{}.mlp.down_proj.weight"
SCOPES = {
    "one layer": {"kind": "modules", "patterns": [DOWN.format(2)]},
    "the first layer": {"kind": "modules", "patterns": [DOWN.format(0)]},
    "layer and head": {"kind": "modules", "patterns": [DOWN.format(1), "lm_head.weight"]},
    "all": {"kind": "all"},
    "lora": {"kind": "lora", "rank": 2},
}


def shaken(model):
    """The model as if training had moved it, always alike; weights that were zero too, as LoRA's are."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("engine", [Engine(), Engine(gradient_checkpointing=True)])
def test_the_frozen_model_is_the_one_before(scope, engine, retain_examples):
    before = build_tiny_model(layers=4)
    recipe = Recipe(scope=SCOPES[scope], retain={"kind": "kl"})
    ready = prepare(copy.deepcopy(before), recipe, engine, CPU)
    shaken(ready.model)
    batch = retain_examples.batch([0, 3, 5])
    trained = Forward(ready.model, batch)
    frozen, expected = ready.reference.outputs(trained), Forward(before.train(), batch)
    for layer in (3, 1, 2, 0):
        assert not frozen.hidden(layer).requires_grad
        torch.testing.assert_close(frozen.hidden(layer), expected.hidden(layer), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(frozen.token_logprobs(), expected.token_logprobs(), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(trained.token_logprobs(), expected.token_logprobs(), atol=1e-3)
    trained.hidden(3).square().mean().backward()  # the exchange of weights has not harmed the trained graph


@pytest.mark.parametrize("scope", [*SCOPES, "sharded"])
def test_the_frozen_model_drops_nothing_out_and_the_trained_one_does(scope, retain_examples):
    before = build_tiny_model(layers=4, dropout=0.5)
    recipe = Recipe(scope=SCOPES.get(scope, SCOPES["all"]), retain={"kind": "kl"})
    model = recipe.scope.open(copy.deepcopy(before)).model
    reference = freeze_reference(model, sharded=scope == "sharded")
    shaken(model.train())
    batch = retain_examples.batch([0, 3, 5])
    trained, expected = Forward(model, batch), Forward(before.eval(), batch)
    for layer in (3, 0):
        frozen = reference.outputs(trained)
        torch.testing.assert_close(frozen.hidden(layer), expected.hidden(layer), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(frozen.token_logprobs(), expected.token_logprobs(), rtol=1e-5, atol=1e-5)
    assert all(module.training for module in model.modules())
    assert not torch.equal(Forward(model, batch).token_logprobs(), Forward(model, batch).token_logprobs())


def test_the_gradient_is_not_disturbed_by_the_frozen_pass(retain_examples):
    """Weights are exchanged while a graph is alive that will read them again."""
    scope = {"kind": "modules", "patterns": ["*.layers.[12].*"]}
    gradients = []
    for with_reference in (False, True):
        model = build_tiny_model(layers=4)
        ready = prepare(model, Recipe(scope=scope, retain={"kind": "kl"}), Engine(), CPU)
        shaken_by = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for p in ready.weights.parameters:
                p.add_(torch.randn(p.shape, generator=shaken_by), alpha=0.3)
        trained = Forward(ready.model, retain_examples.batch([0, 1]))
        loss = trained.hidden(3).square().mean()
        if with_reference:
            ready.reference.outputs(trained).hidden(3)
        loss.backward()
        gradients.append([p.grad for p in ready.weights.parameters])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_only_trained_matrices_are_copied_and_only_their_layers_run_again(retain_examples):
    model = build_tiny_model(layers=6)
    recipe = Recipe(scope={"kind": "modules", "patterns": [DOWN.format(2), DOWN.format(3)]}, retain={"kind": "kl"})
    ready = prepare(model, recipe, Engine(), CPU)
    assert isinstance(ready.reference, FrozenWeights)
    assert sum(t.numel() for t in ready.reference.frozen) == 2 * 16 * 32
    ran = []
    for number, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    trained = Forward(ready.model, retain_examples.batch([0, 1]))
    trained.hidden(4)
    assert ran == [0, 1, 2, 3, 4]  # 5 and the head do not run
    ready.reference.outputs(trained).hidden(4)
    assert ran[5:] == [2, 3, 4]  # 0 and 1 are shared


@pytest.mark.parametrize("engine", [Engine(), Engine(gradient_checkpointing=True)])
def test_layers_below_the_first_trained_one_keep_no_graph(engine, retain_examples):
    """Inputs that require a gradient, as checkpointing once asked for, cost a backward pass down to the embeddings."""
    recipe = Recipe(scope=SCOPES["one layer"], retain={"kind": "activation_mse", "layer": 3})
    ready = prepare(build_tiny_model(layers=4), recipe, engine, CPU)
    trained = Forward(ready.model, retain_examples.batch([0, 1]))
    assert trained.hidden(3).requires_grad
    assert not trained.calls_of(2, 3)[0][0][0].requires_grad


@pytest.mark.parametrize("scope", ["one layer", "layer and head", "lora"])
def test_checkpointing_needs_no_gradient_of_the_embeddings(scope, retain_examples):
    """Frozen embeddings cut no graph: what is computed again is what was computed."""
    gradients = []
    for checkpointing in (False, True):
        engine = Engine(gradient_checkpointing=checkpointing)
        ready = prepare(build_tiny_model(layers=4), Recipe(scope=SCOPES[scope]), engine, CPU)
        Forward(shaken(ready.model), retain_examples.batch([0, 1])).token_logprobs().sum().backward()
        gradients.append([p.grad for p in ready.weights.parameters])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_adapters_are_switched_off_instead_of_copied():
    model = Recipe(scope=SCOPES["lora"]).scope.open(build_tiny_model()).model
    assert isinstance(freeze_reference(model), WithoutAdapters)


COMPARING = {
    choice.model_fields["kind"].default: choice
    for union in (ForgetLoss, RetainLoss)
    for choice in get_args(get_args(union)[0])
    if issubclass(choice, Loss) and choice.needs != "nothing" and choice not in get_args(CompanionLoss)
}
"""But for those of other answers, which test_companions.py holds to plain code."""


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("scope", ["one layer", "layer and head", "all", "lora"])
@pytest.mark.parametrize("kind", COMPARING)
def test_away_from_the_frozen_model_each_loss_equals_two_models(kind, scope, precision, retain_examples):
    """Under autocast θ₀ once computed with θ's weights, or θ with θ₀'s: activation_mse was zero, KL twice itself."""
    before = build_tiny_model(layers=4)
    read = {"layer": 2, "layers": (0, 2)}
    loss = COMPARING[kind](**{name: read[name] for name in COMPARING[kind].model_fields.keys() & read.keys()})
    engine, rows = Engine(precision=precision), [0, 3, 5]
    scores = score_sequences(copy.deepcopy(before), retain_examples, engine, CPU, "Scoring")
    examples = retain_examples.with_reference(scores)
    ready = prepare(copy.deepcopy(before), Recipe(scope=SCOPES[scope], retain={"kind": "kl"}), engine, CPU)
    trained = shaken(ready.model)
    objective = Objective({"set": [loss]}, {"set": examples}, trained, ready.reference, engine, CPU)
    value = objective.accumulate({"set": rows}, Moment())
    ours = [p.grad for p in trained.parameters() if p.requires_grad]

    for parameter in trained.parameters():
        parameter.grad = None
    expected = plain_loss(loss, trained, rounded(before, precision), retain_examples, rows, precision)
    expected.backward()
    theirs = [p.grad for p in trained.parameters() if p.requires_grad]
    rounds = (
        4 * 2**-24 if kind == "js" else 0
    )  # its terms are of both signs, and all but cancel: of log-probabilities of 4
    assert value.item() == pytest.approx(expected.item(), rel=ROUNDING[precision], abs=rounds)
    assert abs(expected) > 1e-6
    assert [g is None for g in ours] == [g is None for g in theirs]
    ours, theirs = (torch.cat([g.flatten().double() for g in gs if g is not None]) for gs in (ours, theirs))
    assert (ours - theirs).norm() <= 2 * ROUNDING[precision] * theirs.norm()
