"""Scopes that choose single elements: by hand, and what their masks mean for a training."""

import copy

import pytest
import torch
from pydantic import ValidationError

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.mean_gradient import mean_gradient
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scopes.choice import Opened
from blur_pipeline.methods.scopes.plain import AllWeights, Layers
from blur_pipeline.methods.scopes.prune import Prune
from blur_pipeline.methods.scopes.shares import largest
from blur_pipeline.methods.scopes.wagle import Wagle
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.look import SetLook
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.rows import rows_of
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples

FORGET, RETAIN = random_examples(7, seed=1), random_examples(9, seed=2)
CPU = torch.device("cpu")


class Two(torch.nn.Module):
    """Two weights, θ₀ = (1, 1)."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))


class Given:
    """A ``Look`` with the gradients of sums that were given, by set."""

    def __init__(self, **batches):
        self.batches = batches

    def gradients(self, name, parameters, singly=False):
        return (([torch.tensor(g)], n) for g, n in self.batches[name])


def trained(scope: dict, precision: str = "fp32", model=None, steps: int = 3, **recipe):
    """The tiny model after a training with a large weight decay."""
    return train(model or build_tiny_model(), run_of(scope, precision, steps, **recipe))


def run_of(scope: dict, precision: str = "fp32", steps: int = 3, **recipe) -> Run:
    optimizer = {"kind": "adamw", "lr": 1e-2, "weight_decay": 5.0}
    made = Recipe(**{"forget": {"kind": "ga"}, "scope": scope, "optimizer": optimizer, **recipe})
    return Run(made, Schedule(steps=steps, batch_size=5), RETAIN, FORGET, seed=3, engine=Engine(precision=precision))


def opened(scope):
    model = build_tiny_model()
    return scope.open(model, SetLook(model, {"forget": FORGET, "retain": RETAIN}, CPU))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.77, 1.0])
def test_the_largest_share_is_what_a_sort_finds(share):
    generator = torch.Generator().manual_seed(0)
    parts = [torch.rand(shape, generator=generator) for shape in ((3, 5), (7,), (2, 2, 2))]
    flat = torch.cat([part.flatten() for part in parts])
    expected = torch.zeros(30, dtype=torch.bool)
    expected[flat.argsort(descending=True)[: round(share * 30)]] = True
    assert torch.equal(torch.cat([mask.flatten() for mask in largest(parts, share)]), expected)


def test_of_equal_scores_the_first_are_taken_and_no_more():
    masks = largest([torch.tensor([3.0, 1.0]), torch.tensor([[2.0], [2.0]])], 0.5)
    assert [mask.flatten().tolist() for mask in masks] == [[True, False], [True, False]]
    assert sum(int(mask.sum()) for mask in largest([torch.zeros(10)], 0.3)) == 3


@pytest.mark.parametrize(("mu", "kept"), [(0.5, [False, True]), (3.0, [True, False])])
def test_wagle_by_hand(mu, kept):
    """F = (2, 1), R = (0, 3) as means over tokens: S = (2, 5) for μ = ½ and (2, 0) for μ = 3."""
    look = Given(forget=[([1.0, 2.0], 1), ([3.0, 0.0], 1)], retain=[([0.0, 9.0], 3)])
    assert Wagle(keep=0.5, mu=mu).open(Two(), look).masks["weight"].tolist() == kept


def test_wagle_s_scores_are_those_of_whole_gradients():
    """Against one backward pass over each set, in one batch each."""
    model = build_tiny_model().eval()
    look = SetLook(model, {"forget": FORGET, "retain": RETAIN}, CPU)
    gradients = {}
    for name, examples in (("forget", FORGET), ("retain", RETAIN)):
        nll, tokens = 0, 0
        for ids, labels in zip(examples.input_ids, examples.labels, strict=True):
            logits = model(input_ids=torch.as_tensor(ids)[None]).logits[0, :-1]
            nll += torch.nn.functional.cross_entropy(logits, torch.as_tensor(labels)[1:], reduction="sum")
            tokens += int((labels[1:] >= 0).sum())
        gradients[name] = torch.autograd.grad(nll / tokens, list(model.parameters()))
        for found, expected in zip(mean_gradient(look, name, list(model.parameters())), gradients[name], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    theta = [p.detach() for p in model.parameters()]
    scores = [((p - r / 0.5) * f).abs() for p, f, r in zip(theta, *gradients.values(), strict=True)]
    masks = Wagle(keep=0.4, mu=0.5).open(model, look).masks
    flat, kept = (torch.cat([x.flatten() for x in some]) for some in (scores, masks.values()))
    assert kept.sum() == round(0.4 * len(flat))
    edge = flat.kthvalue(len(flat) - int(kept.sum())).values
    clear = (flat - edge).abs() > 1e-4 * edge  # but for rounding at the edge
    assert torch.equal(kept[clear], (flat > edge)[clear])
    assert clear.float().mean() > 0.99


def test_at_the_published_mu_sums_of_batches_give_the_mask_of_means():
    """μ = 1e-6: so θ₀ does not count, and published code's sum over batches only scales it."""
    model = build_tiny_model()
    look = SetLook(model, {"forget": FORGET, "retain": RETAIN}, CPU)
    masks = [Wagle(keep=0.6, mu=mu).open(model, look).masks for mu in (1e-6, 1e-7)]
    different = sum(int((masks[0][name] != masks[1][name]).sum()) for name in masks[0])
    assert different <= 2


@pytest.mark.parametrize("precision", ["fp32", "bf16_autocast", "bf16"])
def test_masked_weights_never_move_and_never_decay(precision):
    """Published defect: weight decay moved them."""
    before, masks = build_tiny_model(), opened(Wagle(keep=0.4)).masks
    after, _ = trained({"kind": "wagle", "keep": 0.4}, precision)
    moved = 0
    for name, weight in after.named_parameters():
        old = before.get_parameter(name)
        assert torch.equal(weight[~masks[name]], old[~masks[name]]), name
        moved += int((weight != old)[masks[name]].sum())
    assert moved > 0.5 * sum(int(mask.sum()) for mask in masks.values())


def test_to_keep_all_is_no_mask():
    whole, history = trained({"kind": "all"})
    kept, again = trained({"kind": "wagle", "keep": 1})
    assert again == history
    assert all(torch.equal(p, kept.get_parameter(name)) for name, p in whole.named_parameters())
    assert opened(Wagle(keep=1)).masks is None


def test_a_mask_of_all_is_no_mask_either(monkeypatch):
    """The decay that the masks do by themselves is AdamW's."""
    whole, _ = trained({"kind": "all"})
    everywhere = {name: torch.ones_like(p, dtype=torch.bool) for name, p in build_tiny_model().named_parameters()}
    monkeypatch.setattr(AllWeights, "open", lambda _, model, look=None: Opened(model, everywhere))
    masked, _ = trained({"kind": "all"})
    for name, weight in whole.named_parameters():
        torch.testing.assert_close(masked.get_parameter(name), weight, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_smallest_matrix_elements_become_zero_and_stay_so(precision):
    before = build_tiny_model()
    after, _ = trained({"kind": "prune", "share": 0.3}, precision)
    names = [n for n, p in before.named_parameters() if ".layers." in n and p.ndim > 1]
    flat = torch.cat([before.get_parameter(n).abs().flatten() for n in names])
    edge = flat.sort().values[round(0.3 * len(flat))]
    assert len(names) == 14
    for name, weight in after.named_parameters():
        old = before.get_parameter(name)
        pruned = old.abs() < edge if name in names else torch.zeros_like(old, dtype=torch.bool)
        assert torch.equal(weight == 0, pruned | ((weight == 0) & (old == 0))), name
        assert (weight != old)[~pruned].any(), name


def test_the_reference_of_a_pruned_model_is_the_model_before():
    """So KL is not zero at the first step, as it would be against itself."""
    model = build_tiny_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
    pruned = copy.deepcopy(model)
    for name, mask in Prune(share=0.3).open(pruned).masks.items():
        pruned.get_parameter(name).data.mul_(mask)
    run = {"retain": {"kind": "kl"}, "steps": 1}
    _, rows = trained({"kind": "prune", "share": 0.3}, model=copy.deepcopy(model), **run)
    _, unpruned = trained({"kind": "all"}, model=copy.deepcopy(model), **run)
    assert unpruned[0]["retain_loss"] == pytest.approx(0, abs=1e-6)
    chosen = rows_of({"forget": FORGET, "retain": RETAIN}, Schedule(steps=1, batch_size=5), 3, 0)["retain"]
    p, q = (Forward(m.eval(), RETAIN.batch(chosen)).supervised_logits().log_softmax(-1) for m in (model, pruned))
    by_hand = (p.exp() * (p - q)).sum(-1).mean()
    assert rows[0]["retain_loss"] == pytest.approx(by_hand.item(), rel=1e-4)
    assert by_hand > 1e-3


def test_layers_opens_a_range_and_modules_of_it():
    model = build_tiny_model(layers=3)
    Layers(first=1, last=1, modules=["mlp.down_proj.*", "*norm*"]).open(model)
    short = [n.removeprefix("model.layers.1.") for n, p in model.named_parameters() if p.requires_grad]
    assert short == ["mlp.down_proj.weight", "input_layernorm.weight", "post_attention_layernorm.weight"]
    Layers(first=1).open(model)
    found = {n.split(".")[2] for n, p in model.named_parameters() if p.requires_grad}
    assert found == {"1", "2"}


def test_layers_of_gpt_2_too():
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=16, n_layer=2, n_head=2, n_positions=32))
    Layers(last=0, modules=["mlp.c_proj.weight"]).open(model)
    assert [n for n, p in model.named_parameters() if p.requires_grad] == ["transformer.h.0.mlp.c_proj.weight"]


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ({"first": 1, "last": 2}, "last is 2, but this model has layers 0 to 1"),
        ({"first": 5}, "layers 0 to 1"),
        ({"modules": ["mlp.c_proj.*"]}, r"'mlp\.c_proj\.\*' matches nothing"),
    ],
)
def test_layers_that_are_not_there_are_named(scope, said):
    with pytest.raises(BadInputError, match=said):
        Layers(**scope).open(build_tiny_model())


@pytest.mark.parametrize(
    ("scope", "values"),
    [(Layers, {"first": 3, "last": 2}), (Wagle, {"keep": 0}), (Wagle, {"mu": 0}), (Prune, {"share": 1})],
)
def test_bounds(scope, values):
    with pytest.raises(ValidationError):
        scope(**values)


@pytest.mark.parametrize("kind", ["wagle", "fila"])
def test_a_training_without_a_forget_set_cannot_be_looked_at(kind):
    """As of a target model, or the one that a task vector begins with."""
    run = Run(Recipe(scope={"kind": kind}), Schedule(steps=1, batch_size=5), RETAIN)
    with pytest.raises(BadInputError, match="looks at the forget set, which this training does not have"):
        train(build_tiny_model(), run)


def test_a_scope_that_looks_is_refused_where_the_model_is_sharded():
    from blur_pipeline.training.prepare import prepare

    engine = Engine(processes=2, sharding="fsdp")
    recipe = Recipe(forget={"kind": "ga"}, scope={"kind": "wagle"})
    with pytest.raises(ValueError, match="scope 'wagle' looks at the whole model"):
        prepare(build_tiny_model(), recipe, engine, CPU)


@pytest.mark.parametrize("scope", [{"kind": "wagle", "keep": 0.4}, {"kind": "prune", "share": 0.3}])
def test_what_a_scope_chose_is_chosen_again_when_it_resumes(scope, tmp_path):
    """It looks at θ₀, not at the weights of the checkpoint: so the two runs are one to the bit."""

    def run(folder, *watchers):
        checkpoints = Checkpoints(tmp_path / folder, "same run", every=2)
        return Run(**{**vars(run_of(scope, steps=6)), "checkpoints": checkpoints, "watchers": list(watchers)})

    def power_cut(row):
        if row["step"] == 4:
            raise KeyboardInterrupt

    whole, history = train(build_tiny_model(), run("whole"))
    with pytest.raises(KeyboardInterrupt):
        train(build_tiny_model(), run("cut", power_cut))
    resumed, again = train(build_tiny_model(), run("cut"))
    assert again == history
    assert all(torch.equal(p, resumed.get_parameter(name)) for name, p in whole.named_parameters())


@pytest.mark.parametrize("kind", ["wagle", "prune", "seuf"])
def test_decay_of_a_schedule_free_optimizer_is_refused_where_elements_rest(kind):
    """It keeps two copies of the weights, and masks.py decays one."""
    optimizer = {"kind": "schedule_free", "lr": 1e-3, "weight_decay": 0.01}
    with pytest.raises(ValueError, match=f"the scope '{kind}' masks one; give optimizer.weight_decay 0"):
        Recipe(scope={"kind": kind}, optimizer=optimizer)
    assert Recipe(scope={"kind": kind}, optimizer=optimizer | {"weight_decay": 0.0}).scope.rests
