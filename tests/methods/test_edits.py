"""Edits in place of a training: identities, hand-derived examples, and a plain RepSelect with peft."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model
from pydantic import ValidationError

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.edits.choice import Given
from blur_pipeline.methods.edits.given import GivenModel
from blur_pipeline.methods.edits.interpolation import Interpolation
from blur_pipeline.methods.edits.repselect import RepSelect, damped
from blur_pipeline.methods.edits.ssd import SSD
from blur_pipeline.methods.edits.task_vector import TaskVector
from blur_pipeline.models.sources import PretrainedModel
from blur_pipeline.training.editing import apply
from blur_pipeline.training.look import SetLook
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.scalars import NonFiniteError
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples

FORGET = random_examples(7, seed=1)
CPU = torch.device("cpu")


def look(model) -> SetLook:
    return SetLook(model, {"forget": FORGET}, CPU)


def same(one, other) -> bool:
    return all(torch.equal(p, other.get_parameter(name)) for name, p in one.named_parameters())


def nll(model) -> float:
    gradients = look(model)
    total = sum(-forward.token_logprobs().sum().item() for forward in gradients.passes("forget"))
    return total / FORGET.count(range(7), "tokens")


def tuned(edit, steps: int = 6):
    run = Run(edit.training(), Schedule(steps=steps, batch_size=4, max_grad_norm=None), FORGET, seed=3)
    return train(build_tiny_model(), run)[0]


class One(torch.nn.Module):
    def __init__(self, value: float):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([value]))


def test_a_task_vector_by_hand():
    model = One(1.0)
    row = apply(TaskVector(strength=0.5), model, Given(trained=One(3.0)))
    assert model.weight.item() == 0.0
    assert row == {"step": 0, "epoch": 0.0, "lr": 0.0, "relative_change": 1.0}


def test_a_task_vector_of_no_strength_is_theta_0():
    edit = TaskVector(strength=0, optimizer={"kind": "adamw", "lr": 1e-2})
    model = build_tiny_model()
    assert apply(edit, model, Given(trained=tuned(edit)))["relative_change"] == 0
    assert same(model, build_tiny_model())


def test_a_task_vector_forgets_what_its_training_learns():
    edit = TaskVector(strength=2, optimizer={"kind": "adamw", "lr": 1e-2})
    model, trained = build_tiny_model(), tuned(edit)
    start = nll(model)
    apply(edit, model, Given(trained=trained))
    assert nll(trained) < start < nll(model)
    for name, weight in build_tiny_model().named_parameters():
        expected = 3 * weight - 2 * trained.get_parameter(name)
        torch.testing.assert_close(model.get_parameter(name), expected, rtol=1e-4, atol=1e-6)


def test_a_task_vector_of_adapters_is_of_their_merged_weights():
    edit = TaskVector(strength=1, scope={"kind": "lora", "rank": 2}, optimizer={"kind": "adamw", "lr": 1e-2})
    model = build_tiny_model()
    apply(edit, model, Given(trained=tuned(edit)))
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, build_tiny_model().get_parameter(name))}
    assert moved == {name for name, _ in model.named_parameters() if "_proj" in name}


@pytest.mark.parametrize("a", [0.0, 0.25, 1.0])
def test_interpolation_ends_at_both_models_to_the_bit(a):
    theta, base = build_tiny_model(seed=0), build_tiny_model(seed=1)
    model = copy.deepcopy(theta)
    row = apply(Interpolation(strength=a), model, Given(base=base))
    assert same(model, theta) == (a == 0) == (row["relative_change"] == 0)
    assert same(model, base) == (a == 1)
    for name, p in theta.named_parameters():
        expected = p + a * (base.get_parameter(name) - p)
        torch.testing.assert_close(model.get_parameter(name), expected, rtol=1e-5, atol=1e-7)


def test_models_of_different_shapes_are_not_mixed():
    with pytest.raises(BadInputError, match="different shapes"):
        apply(Interpolation(), build_tiny_model(), Given(base=build_tiny_model(layers=3)))


@pytest.mark.parametrize(
    ("how", "expected"), [("soft", [1.0, 2.0, 1.0]), ("quadratic", [0.25, 2.0, 1.0]), ("hard", [0.0, 0.0, 1.0])]
)
def test_damping_by_hand(how, expected):
    """Of diag(4, 2, 1) with two components; each factor on either side."""
    found = damped(torch.diag(torch.tensor([4.0, 2.0, 1.0])), 2, how)
    torch.testing.assert_close(found, torch.diag(torch.tensor(expected)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("how", ["soft", "quadratic", "hard"])
def test_damping_equals_the_published_two_collapses(how):
    """One side after the other, each on the whole matrix, by explicit projectors."""
    gradient = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    u, s, vh = torch.linalg.svd(gradient, full_matrices=False)
    left = gradient.clone()
    for side in ("inputs", "outputs"):
        matrix = left if side == "inputs" else left.T
        basis = vh[:4].T if side == "inputs" else u[:, :4]
        projected = matrix @ basis
        if how == "hard":
            matrix = matrix - projected @ basis.T
        else:
            scale = s[:4] if how == "soft" else s[:4] ** 2
            matrix = matrix - (projected - projected / (scale / scale.min())) @ basis.T
        left = matrix if side == "inputs" else matrix.T
    torch.testing.assert_close(damped(gradient, 4, how), left, rtol=1e-4, atol=1e-5)


def test_one_component_damps_nothing():
    gradient = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(damped(gradient, 1, "soft"), gradient, rtol=1e-5, atol=1e-6)
    assert torch.equal(damped(torch.zeros(3, 2), 2, "soft"), torch.zeros(3, 2))


def test_repselect_against_a_plain_one_with_adapters_in_place():
    """LoRA stays beside the weights while the gradient is taken, is unloaded, and W moves in n updates."""
    edit = RepSelect(eta=0.3, updates=3, components=4, rank=2, alpha=4, optimizer={"kind": "sgd", "lr": 0.5})
    trained = tuned(edit)
    model = build_tiny_model()
    apply(edit, model, Given(trained=copy.deepcopy(trained), look=look))

    plain = get_peft_model(
        build_tiny_model(), LoraConfig(r=2, lora_alpha=4, target_modules=["gate_proj", "up_proj", "down_proj"])
    )
    layers = {n.removeprefix("base_model.model."): m for n, m in plain.named_modules() if hasattr(m, "base_layer")}
    assert len(layers) == 6
    for name, layer in layers.items():  # any adapters with the same product
        delta = trained.get_parameter(f"{name}.weight") - layer.base_layer.weight
        u, s, vh = torch.linalg.svd(delta.detach(), full_matrices=False)
        layer.lora_A["default"].weight.data = vh[:2] * s[:2, None].sqrt() / 2
        layer.lora_B["default"].weight.data = u[:, :2] * s[:2].sqrt()
        assert delta.norm() > 1e-3
    plain.requires_grad_(False)
    for layer in layers.values():
        layer.base_layer.weight.requires_grad_(True)
    loss, tokens = 0, 0
    for ids, labels in zip(FORGET.input_ids, FORGET.labels, strict=True):
        out = plain(input_ids=torch.as_tensor(ids)[None]).logits[0, :-1]
        loss -= torch.nn.functional.cross_entropy(out, torch.as_tensor(labels)[1:], reduction="sum")
        tokens += int((labels[1:] >= 0).sum())
    (loss / tokens).backward()
    gradients = {name: layer.base_layer.weight.grad.clone() for name, layer in layers.items()}
    plain = plain.unload()
    for name, gradient in gradients.items():
        for _ in range(3):
            plain.get_submodule(name).weight.data -= 0.3 * damped(gradient, 4, "soft")
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), weight, rtol=1e-3, atol=1e-5)
    assert not same(model, build_tiny_model())


def test_repselect_raises_the_forget_loss_and_moves_mlps_alone():
    edit = RepSelect(eta=1.0, updates=2, components=2, rank=2, alpha=4)
    model, start = build_tiny_model(), nll(build_tiny_model())
    apply(edit, model, Given(trained=tuned(edit), look=look))
    assert nll(model) > start
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, build_tiny_model().get_parameter(name))}
    assert moved == {name for name, _ in model.named_parameters() if ".mlp." in name}


def test_modules_that_are_not_there_are_named():
    with pytest.raises(BadInputError, match="none of c_fc"):
        apply(RepSelect(modules=["c_fc"]), build_tiny_model(), Given(trained=build_tiny_model(), look=look))


def test_a_given_model_takes_the_place_of_theta_0():
    """1 becomes 3; ‖3 − 1‖/‖1‖ = 2. Stored in half of the bits it is what those say."""
    model = One(1.0)
    assert apply(GivenModel(path="theirs"), model, Given(trained=One(3.0)))["relative_change"] == 2.0
    assert model.weight.item() == 3.0


def test_a_given_model_may_be_stored_in_few_bits_and_have_untied_its_head(tmp_path):
    """The embeddings of the target model stand for its head too; both are told apart where the folder has two."""
    target, theirs = (build_tiny_model(seed) for seed in (0, 1))
    target.config.tie_word_embeddings = True
    target.tie_weights()
    theirs.to(torch.bfloat16).save_pretrained(tmp_path / "theirs")
    loaded = PretrainedModel(path=str(tmp_path / "theirs")).load()
    apply(GivenModel(path="theirs"), target, Given(trained=loaded))
    for name, weight in target.named_parameters():
        assert torch.equal(weight, loaded.get_parameter(name))
        assert torch.equal(weight, theirs.get_parameter(name).float())


@pytest.mark.parametrize(("other", "words"), [
    (build_tiny_model(vocab=65), r"theirs: the weight 'lm_head\.weight' is of shape \(65, 16\), but the target"),
    (build_tiny_model(layers=3), r"theirs has a weight 'model\.layers\.2\..*' that the target model lacks"),
    (build_tiny_model(layers=1), r"the target model has a weight 'model\.layers\.1\..*' that theirs lacks"),
])  # fmt: skip
def test_a_given_model_of_another_shape_is_one_sentence(other, words):
    with pytest.raises(BadInputError, match=words) as refused:
        apply(GivenModel(path="theirs"), build_tiny_model(), Given(trained=other))
    assert "\n" not in str(refused.value)


def test_a_wild_edit_ends_in_a_sentence():
    model = build_tiny_model()
    trained = build_tiny_model()
    trained.lm_head.weight.data[0] = float("inf")
    with pytest.raises(NonFiniteError, match=r"'task_vector' makes the weight lm_head\.weight infinite"):
        apply(TaskVector(), model, Given(trained=trained))


@pytest.mark.parametrize(
    ("edit", "values"),
    [
        (TaskVector, {"strength": -1}),
        (Interpolation, {"strength": 1.1}),
        (RepSelect, {"eta": 0}),
        (RepSelect, {"n": 1}),
    ],
)
def test_bounds(edit, values):
    with pytest.raises(ValidationError):
        edit(**values)


def test_ssd_by_hand():
    """Two sets of one token each: I_f = (6, 1) and I_r = (½, 3), so I = (3.25, 2); α 1.5 selects the first."""

    class Told:
        def gradients(self, name, parameters, singly):
            yield [torch.tensor({"forget": [6.0, 1.0], "retain": [0.5, 3.0]}[name]).sqrt()], 1

    model = One(2.0)
    model.weight.data = torch.tensor([2.0, 2.0])
    apply(SSD(alpha=1.5), model, Given(look=lambda _model: Told()))
    assert model.weight.tolist() == pytest.approx([2 * 3.25 / 6, 2])
    apply(SSD(alpha=1.5, dampening=0), model, Given(look=lambda _model: Told()))
    assert model.weight.tolist() == pytest.approx([0, 2])
    with pytest.raises(BadInputError, match="no weight matters 2 times more"):  # of two equal sets none can
        apply(SSD(alpha=2), model, Given(look=lambda _model: Told()))


def test_ssd_takes_from_a_model_what_it_learned_of_the_forget_set():
    both = {"forget": FORGET, "retain": random_examples(9, seed=2)}
    model = tuned(TaskVector(optimizer={"kind": "adamw", "lr": 1e-2}), steps=20)
    learned = nll(model)
    apply(SSD(alpha=1.5), model, Given(look=lambda m: SetLook(m, both, CPU)))
    assert learned < nll(model) < nll(build_tiny_model()) + 1
