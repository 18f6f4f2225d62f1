"""Losses that look at another answer, against values derived by hand."""

import math

import pytest
import torch

from blur_pipeline.methods.flat import FLAT
from blur_pipeline.methods.forget import NPO
from blur_pipeline.methods.preference import DPO, SimDPO
from blur_pipeline.methods.refusal import IDK
from tests.methods.given import Given


def pair(lost: dict, won: dict, name: str = "refusal") -> Given:
    """The forget answers, with another answer beside each."""
    beside = Given(**{k: torch.tensor(v) for k, v in won.items()})
    outputs = Given(**{k: torch.tensor(v) for k, v in lost.items()})
    outputs.companion = {name: beside}.__getitem__
    return outputs


def likely(*probabilities: list[float]) -> dict:
    """Token probabilities of each sequence, as an outputs' fields."""
    flat = [math.log(p) for sequence in probabilities for p in sequence]
    return {
        "token_logprobs": flat,
        "sequence": [i for i, sequence in enumerate(probabilities) for _ in sequence],
        "supervised_tokens": [len(sequence) for sequence in probabilities],
    }


def test_dpo_by_hand():
    """β 1, log-ratios +1 of the refusal and −1 of the answer."""
    outputs = pair(
        {"sequence_logprobs": [-6.0], "reference_logprobs": [-5.0]},
        {"sequence_logprobs": [-2.0], "reference_logprobs": [-3.0]},
    )
    assert DPO(beta=1.0)(outputs, None).item() == pytest.approx(2 * math.log(1 + math.exp(-2)))


def test_dpo_at_the_target_model_pushes_one_down_and_the_other_up():
    lost, won = torch.tensor([-6.0, -2.0], requires_grad=True), torch.tensor([-4.0, -9.0], requires_grad=True)
    outputs = Given(sequence_logprobs=lost, reference_logprobs=lost.detach())
    outputs.companion = {"alternative": Given(sequence_logprobs=won, reference_logprobs=won.detach())}.__getitem__
    loss = DPO(beta=0.3, answer="alternative")(outputs, None)
    assert loss.item() == pytest.approx(2 * (2 / 0.3) * math.log(2))
    loss.backward()
    assert lost.grad.tolist() == pytest.approx([1.0, 1.0])
    assert won.grad.tolist() == pytest.approx([-1.0, -1.0])


def test_dpo_takes_the_log_sigmoid_of_each_pair_before_the_mean():
    """Log-ratios that cancel in the mean: one sigmoid of their mean would give 2·log 2 each."""
    outputs = pair(
        {"sequence_logprobs": [-1.0, -9.0], "reference_logprobs": [-5.0, -5.0]},
        {"sequence_logprobs": [-3.0, -3.0], "reference_logprobs": [-3.0, -3.0]},
    )
    by_hand = 2 * (math.log(1 + math.exp(4)) + math.log(1 + math.exp(-4)))
    assert DPO(beta=1.0)(outputs, None).item() == pytest.approx(by_hand, rel=1e-6)


def test_npo_is_dpo_without_a_winner():
    """Where the refusal is as likely as it was, only the forgotten answer is left."""
    lost = {"sequence_logprobs": [-6.0, -2.0], "reference_logprobs": [-5.0, -3.0]}
    still = {"sequence_logprobs": [-4.0, -4.0], "reference_logprobs": [-4.0, -4.0]}
    outputs = pair(lost, still)
    assert DPO(beta=0.2)(outputs, None).item() == pytest.approx(NPO(beta=0.2)(outputs, None).item())


def test_simdpo_by_hand_and_each_answer_by_its_own_length():
    """Means −1 (of 2 tokens) and −3 (of 4); sums alone would say −2 and −12."""
    outputs = pair(
        {"sequence_logprobs": [-12.0], "supervised_tokens": [4]},
        {"sequence_logprobs": [-2.0], "supervised_tokens": [2]},
    )
    assert SimDPO(beta=2.0, delta=1.0)(outputs, None).item() == pytest.approx(math.log(1 + math.exp(-3)))


def test_idk_is_the_nll_of_the_refusal_alone():
    outputs = pair(likely([0.9, 0.9]), likely([0.5], [0.25, 1.0]))
    assert IDK()(outputs, None).item() == pytest.approx(math.log(8))
    assert (IDK().counted, IDK(answer="alternative").counted) == ("refusal", "alternative")


FLAT_BY_HAND = {
    "tv": 0.0,
    "kl": math.exp(-0.5) - 0.5,
    "js": math.log(1 + math.exp(0.5)) + math.log(1 + math.exp(-0.5)) - 2 * math.log(2),
    "pearson": 1 / 16,
}


@pytest.mark.parametrize(("divergence", "value"), FLAT_BY_HAND.items())
def test_flat_by_hand(divergence, value):
    outputs = pair(likely([0.25, 0.75]), likely([0.5, 0.5, 0.5]))
    assert FLAT(divergence=divergence)(outputs, None).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("divergence", FLAT_BY_HAND)
def test_flat_is_the_conjugate_pair_of_its_divergence(divergence):
    """f*(u) = sup_v (u·v − f(v)) by brute force, at u = g*(P); so −g*(P_e) + f*(g*(P))."""
    v = torch.linspace(1e-4, 12, 400_001, dtype=torch.float64)
    f = {"tv": (v - 1).abs() / 2, "kl": v * v.log(), "pearson": (v - 1).square(),
         "js": v * v.log() - (v + 1) * ((v + 1) / 2).log()}[divergence]  # fmt: skip
    g = {"tv": lambda p: math.tanh(p) / 2, "kl": lambda p: p, "pearson": lambda p: p,
         "js": lambda p: math.log(2) - math.log(1 + math.exp(-p))}[divergence]  # fmt: skip
    given, forgotten = 0.3, 0.8
    by_hand = -g(given) + (g(forgotten) * v - f).max().item()
    outputs = pair(likely([forgotten]), likely([given]))
    assert FLAT(divergence=divergence)(outputs, None).item() == pytest.approx(by_hand, abs=1e-5)


def test_flat_takes_each_sequence_by_itself():
    """Published defect: one mean over batch and padding made a sequence's part depend on its neighbours."""
    alone = [pair(likely([p]), likely([q])) for p, q in ((0.9, 0.1), (0.2, 0.6))]
    together = pair(likely([0.9], [0.2]), likely([0.1], [0.6]))
    for divergence in FLAT_BY_HAND:
        loss = FLAT(divergence=divergence)
        assert loss(together, None).item() == pytest.approx(sum(loss(one, None).item() for one in alone), rel=1e-6)


@pytest.mark.parametrize("loss", [DPO(), SimDPO(), IDK(), FLAT()])
def test_each_names_the_answer_that_it_needs(loss):
    assert loss.companions == ("refusal",)
    assert type(loss)(answer="alternative").companions == ("alternative",)
