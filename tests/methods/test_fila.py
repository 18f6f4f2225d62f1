"""LoKU's initialisation of adapters: by hand, against a plain one, and what is saved in the end."""

import copy

import pytest
import torch

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.fisher import fisher
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scopes.fila import Fila
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.look import SetLook
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples

FORGET, RETAIN = random_examples(7, seed=1), random_examples(9, seed=2)
SETS = {"forget": FORGET, "retain": RETAIN}
CPU = torch.device("cpu")
SCOPE = Fila(rank=3, alpha=6)


def logits(model) -> torch.Tensor:
    return Forward(model.eval(), FORGET.batch(range(7))).supervised_logits()


def opened(model):
    return SCOPE.open(model, SetLook(model, SETS, CPU)).model


def run_of(steps: int = 4, **more) -> Run:
    recipe = Recipe(forget={"kind": "ga"}, scope=SCOPE, optimizer={"kind": "adamw", "lr": 1e-2})
    return Run(recipe, Schedule(steps=steps, batch_size=5), RETAIN, FORGET, seed=3, **more)


def test_worked_example_of_the_docstring():
    """W = diag(2, 1), both rows of weight √2, rank 1, s = 1: BA = diag(2, 0)."""
    a, b = Fila(rank=1, alpha=1).factors(torch.diag(torch.tensor([2.0, 1.0])), torch.full((2,), 2**0.5))
    torch.testing.assert_close(b @ a, torch.diag(torch.tensor([2.0, 0.0])), rtol=1e-4, atol=1e-6)


def test_fisher_is_that_of_single_sequences():
    model = build_tiny_model().eval()
    weight = model.model.layers[0].mlp.up_proj.weight
    expected, tokens = torch.zeros_like(weight), 0
    for ids, labels in zip(FORGET.input_ids, FORGET.labels, strict=True):
        out = model(input_ids=torch.as_tensor(ids)[None]).logits[0, :-1]
        loss = torch.nn.functional.cross_entropy(out, torch.as_tensor(labels)[1:])
        count = int((labels[1:] >= 0).sum())
        expected += torch.autograd.grad(loss, weight)[0] ** 2 * count
        tokens += count
    look = SetLook(model, SETS, CPU)
    [information], seen = fisher(look, "forget", [weight], True)
    torch.testing.assert_close(information, expected / tokens, rtol=1e-4, atol=1e-12)
    assert seen == tokens
    [of_batches], _ = fisher(look, "forget", [weight], False)
    assert not torch.allclose(of_batches, expected / tokens, rtol=0.1, atol=0)


def test_adapters_begin_as_the_weighted_low_rank_part_of_theta_0():
    """Of all matrices M of rank r, BA is the one nearest to W in Σ w_i²·(W − s·M)²_ij."""
    before = build_tiny_model()
    model = opened(copy.deepcopy(before))
    name = "model.layers.1.mlp.down_proj"
    layer, w = model.get_base_model().get_submodule(name), before.get_submodule(name).weight.detach()
    look = SetLook(before, SETS, CPU)
    ratio = fisher(look, "forget", [before.get_submodule(name).weight], True)[0][0]
    ratio /= fisher(look, "retain", [before.get_submodule(name).weight], True)[0][0] + SCOPE.eps
    row = ratio.sum(1).sqrt()[:, None]
    delta = layer.get_delta_weight("default").detach()
    torch.testing.assert_close(layer.base_layer.weight + delta, w, rtol=1e-4, atol=1e-6)
    assert torch.linalg.matrix_rank(delta, rtol=1e-4) == 3
    left = torch.linalg.svdvals(row * w)[3:].square().sum()
    torch.testing.assert_close((row * (w - delta)).square().sum(), left, rtol=1e-2, atol=1e-9)


def test_the_model_begins_as_theta_0_and_untrained_ends_as_it():
    before = build_tiny_model()
    model = opened(copy.deepcopy(before))
    torch.testing.assert_close(logits(model), logits(before), rtol=1e-4, atol=1e-5)
    with model.disable_adapter():
        assert (logits(model) - logits(before)).abs().max() > 1e-2
    closed = SCOPE.close(model)
    for name, weight in before.named_parameters():
        torch.testing.assert_close(closed.get_parameter(name), weight, rtol=1e-4, atol=1e-6)


def test_what_is_saved_has_the_trained_adapters_in_it(monkeypatch):
    """Published defect: ``unload()`` before saving, which leaves the base without BA."""
    seen = {}
    close = Fila.close

    def spy(self, model):
        seen["trained"] = logits(model)
        seen["without"] = logits(copy.deepcopy(model).unload())
        return close(self, model)

    monkeypatch.setattr(Fila, "close", spy)
    saved, _ = train(build_tiny_model(), run_of())
    assert not any("lora" in name for name, _ in saved.named_parameters())
    torch.testing.assert_close(logits(saved), seen["trained"], rtol=1e-4, atol=1e-5)
    assert (seen["without"] - seen["trained"]).abs().max() > 1e-2
    assert (logits(build_tiny_model()) - seen["trained"]).abs().max() > 1e-3


def test_the_reference_is_theta_0_and_not_what_stays_behind():
    """With peft's adapters switched off there is the residual: KL against that would not be zero at the start."""
    recipe = Recipe(forget={"kind": "ga"}, retain={"kind": "kl"}, scope=SCOPE)
    ready = prepare(build_tiny_model(), recipe, Engine(), CPU, sets=SETS)
    forward = Forward(ready.model, FORGET.batch(range(7)))
    theirs = ready.reference.outputs(forward).supervised_logits()
    torch.testing.assert_close(theirs, logits(build_tiny_model()), rtol=1e-4, atol=1e-5)


def test_resuming_equals_not_stopping(tmp_path):
    """The base is made anew out of θ₀, the adapters come from the checkpoint."""

    def run(folder, *watchers):
        return run_of(6, checkpoints=Checkpoints(tmp_path / folder, "same run", every=2), watchers=list(watchers))

    def power_cut(row):
        if row["step"] == 4:
            raise KeyboardInterrupt

    whole, history = train(build_tiny_model(), run("whole"))
    with pytest.raises(KeyboardInterrupt):
        train(build_tiny_model(), run("cut", power_cut))
    resumed, again = train(build_tiny_model(), run("cut"))
    assert again == history
    assert all(torch.equal(p, resumed.get_parameter(name)) for name, p in whole.named_parameters())


def test_a_rank_that_no_weight_has_is_refused():
    model = build_tiny_model()
    with pytest.raises(BadInputError, match="rank 17 does not fit"):
        Fila(rank=17).open(model, SetLook(model, SETS, CPU))
