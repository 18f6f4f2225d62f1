"""Every loss against a value derived by hand."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch.utils._python_dispatch import TorchDispatchMode

from blur_pipeline.methods.forget import NPO, RMU, GradientAscent, NPOLogits, SimNPO
from blur_pipeline.methods.retain import KL, NLL, ActivationMSE
from blur_pipeline.models.forward import Forward
from tests.conftest import random_examples
from tests.methods.given import Given


class Operations(TorchDispatchMode):
    """Names of the operations while open."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.add(func.name().split(".")[0])
        return func(*args, **(kwargs or {}))


HALF = math.log(0.5)


def test_gradient_ascent_and_nll_are_each_other_s_negative():
    outputs = Given(token_logprobs=torch.tensor([HALF, HALF]))
    assert GradientAscent()(outputs, None).item() == pytest.approx(2 * HALF)
    assert NLL()(outputs, None).item() == pytest.approx(-2 * HALF)


def test_npo_at_the_target_model_is_two_over_beta_log_two():
    same = torch.tensor([-3.0, -5.0])
    outputs = Given(sequence_logprobs=same, reference_logprobs=same)
    assert NPO(beta=0.1)(outputs, None).item() == pytest.approx(2 * (2 / 0.1) * math.log(2))


def test_npo_takes_the_log_sigmoid_of_each_sequence_before_the_mean():
    """Published defect: the mean log-ratio (here 0) would give log 2 for both sequences."""
    outputs = Given(sequence_logprobs=torch.tensor([-1.0, -9.0]), reference_logprobs=torch.tensor([-5.0, -5.0]))
    beta = 0.5
    by_hand = (2 / beta) * (math.log(1 + math.exp(beta * 4)) + math.log(1 + math.exp(-beta * 4)))
    assert NPO(beta=beta)(outputs, None).item() == pytest.approx(by_hand, rel=1e-6)
    assert by_hand != pytest.approx((2 / beta) * 2 * math.log(2))


def test_npo_gradient_becomes_that_of_gradient_ascent_for_small_beta():
    logprobs = torch.tensor([-4.0, -6.0], requires_grad=True)
    outputs = Given(sequence_logprobs=logprobs, reference_logprobs=torch.tensor([-5.0, -5.0]))
    NPO(beta=1e-4)(outputs, None).backward()
    torch.testing.assert_close(logprobs.grad, torch.ones(2), rtol=1e-3, atol=0)


def test_npo_logits_at_the_target_model():
    logits = torch.randn(3, 5)
    model = Given(position_logits=logits)
    assert NPOLogits(beta=0.2)(model, model).item() == pytest.approx(3 * (2 / 0.2) * math.log(2), rel=1e-6)


def test_simnpo_is_length_normalised():
    outputs = Given(sequence_logprobs=torch.tensor([-6.0]), supervised_tokens=torch.tensor([3]))
    by_hand = (2 / 2.5) * math.log(1 + math.exp(-(2.5 * 2.0 - 0.5)))
    assert SimNPO(beta=2.5, delta=0.5)(outputs, None).item() == pytest.approx(by_hand, rel=1e-6)


def test_rmu_steers_each_position_to_its_topic_s_direction():
    rmu = RMU(layer=0, steering=3.0)
    u0, u1 = rmu.direction(0, 4), rmu.direction(1, 4)
    assert u0.norm().item() == pytest.approx(1.0)
    assert (u0 >= 0).all()
    assert not torch.equal(u0, u1)
    hidden = torch.stack([3.0 * u0, 3.0 * u1 + 1.0])
    outputs = Given(hidden=hidden, topics=((0, 1), torch.tensor([0, 1])))
    assert rmu(outputs, None).item() == pytest.approx(1.0, rel=1e-6)  # only the second is off, by 1 everywhere


def test_directions_are_brought_to_the_device_once():
    """Each copy there would make the host wait, in every micro-batch."""
    rmu = RMU(layer=0)
    outputs = Given(hidden=torch.arange(12.0).view(2, 6), topics=((3, 4), torch.tensor([0, 1])))
    rmu(outputs, None)
    with Operations() as done:
        rmu(outputs, None)
    assert "aten::stack" in done.seen
    assert not {"aten::rand", "aten::normal_", "aten::_to_copy"} & done.seen
    assert RMU(layer=0, direction_seed=1)(outputs, None) != RMU(layer=0)(outputs, None)


def test_kl_by_hand_and_zero_at_the_target_model():
    reference = Given(supervised_logits=torch.log(torch.tensor([[0.5, 0.5]])))
    model = Given(supervised_logits=torch.log(torch.tensor([[0.25, 0.75]])))
    by_hand = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert KL()(model, reference).item() == pytest.approx(by_hand, rel=1e-6)
    assert KL()(reference, reference).item() == pytest.approx(0.0, abs=1e-7)


def test_of_hidden_states_the_answers_alone_may_be_asked():
    """Five positions, of which the third and the last are supervised tokens: (1² + 3²) / 2 and 2², and not 100²."""
    gap = torch.tensor([[100.0, 0], [100, 0], [1, 3], [100, 0], [2, 2]])
    model, reference = Given(hidden=gap, answers=torch.tensor([2, 4])), Given(hidden=torch.zeros(5, 2))
    loss = ActivationMSE(prompt=False)
    assert (loss(model, reference).item(), loss.unit) == (5 + 4, "tokens")
    rmu = RMU(layer=0, steering=2.0, prompt=False)
    aim = 2 * rmu.direction(0, 2)
    model = Given(hidden=gap + aim, answers=torch.tensor([2, 4]), topics=((0,), torch.zeros(5, dtype=torch.int64)))
    assert rmu(model, None).item() == pytest.approx(9)


@pytest.mark.parametrize("layout", ["right", "left", "packed"])
def test_answers_stand_where_their_tokens_are(layout):
    examples = random_examples(5, seed=3)
    batch = examples.batch([3, 0, 4], layout=layout)
    places = Forward(None, batch).answers()
    tokens = batch.input_ids.flatten()[batch.filled][places]
    assert len(places) == examples.count([3, 0, 4], "tokens")
    assert torch.equal(tokens, batch.targets)


def test_activation_mse_by_hand():
    model, reference = Given(hidden=torch.tensor([[1.0, 3.0]])), Given(hidden=torch.tensor([[0.0, 1.0]]))
    assert ActivationMSE(layer=0)(model, reference).item() == pytest.approx((1 + 4) / 2)


@pytest.mark.parametrize(
    ("loss", "values"),
    [(NPO, {"beta": 0}), (NPO, {"beta": -1}), (SimNPO, {"delta": -0.1}), (NPO, {"betta": 1})],
)
def test_bounds_and_misspelt_names(loss, values):
    with pytest.raises(ValidationError):
        loss(**values)
