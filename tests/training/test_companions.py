"""Losses over other answers, through the engine, against sums written out sequence by sequence."""

import copy
import math

import pytest
import torch
import yaml
from torch.nn.functional import logsigmoid, softplus

from blur_pipeline.methods.choice import Moment
from blur_pipeline.methods.forget import RMU
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.retain import ActivationMSE
from blur_pipeline.models.examples import Examples
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run
from blur_pipeline.training.objective import Objective
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples
from tests.training.test_every_cut import with_companions

CPU = torch.device("cpu")
ROWS = [0, 2, 3, 6]
FORGET = with_companions(random_examples(7, seed=1).with_reference(torch.linspace(-30, -10, 7)))


def token_logprobs(model, examples: Examples, row: int) -> torch.Tensor:
    """Of the supervised tokens of one sequence, which runs alone."""
    ids, labels = examples.input_ids[row], examples.labels[row]
    out = model(input_ids=torch.as_tensor(ids)[None]).logits[0].log_softmax(-1)
    return torch.stack([out[t - 1, ids[t]] for t in range(1, len(ids)) if labels[t] >= 0])


def plain_dpo(model, loss) -> torch.Tensor:
    beside, total = FORGET.companions[loss.answer], 0
    for i in ROWS:
        won = token_logprobs(model, beside, i).sum() - beside.reference_logprobs[i]
        lost = token_logprobs(model, FORGET, i).sum() - FORGET.reference_logprobs[i]
        total = total - 2 / loss.beta * logsigmoid(loss.beta * (won - lost))
    return total / len(ROWS)


def plain_simdpo(model, loss) -> torch.Tensor:
    gaps = [
        token_logprobs(model, FORGET.companions[loss.answer], i).mean() - token_logprobs(model, FORGET, i).mean()
        for i in ROWS
    ]
    return -2 / loss.beta * torch.stack([logsigmoid(loss.beta * gap - loss.delta) for gap in gaps]).mean()


def plain_idk(model, loss) -> torch.Tensor:
    return -torch.cat([token_logprobs(model, FORGET.companions[loss.answer], i) for i in ROWS]).mean()


def plain_flat(model, loss) -> torch.Tensor:
    terms = []
    for i in ROWS:
        given = token_logprobs(model, FORGET.companions[loss.answer], i).exp().mean()
        forgotten = token_logprobs(model, FORGET, i).exp().mean()
        terms.append(softplus(-given) + softplus(forgotten) - 2 * math.log(2))
    return torch.stack(terms).mean()


PLAIN = {
    "dpo": ({"kind": "dpo", "answer": "alternative", "beta": 0.3}, plain_dpo),
    "simdpo": ({"kind": "simdpo", "beta": 2.0, "delta": 0.5}, plain_simdpo),
    "idk": ({"kind": "idk"}, plain_idk),
    "flat": ({"kind": "flat", "divergence": "js"}, plain_flat),
}


@pytest.mark.parametrize("name", PLAIN)
def test_value_and_gradient_are_those_of_the_plain_sum(name):
    said, plain = PLAIN[name]
    loss = Recipe(forget=said).forget[0]
    model, other = build_tiny_model(), build_tiny_model()
    objective = Objective({"forget": [loss]}, {"forget": FORGET}, model, None, Engine(micro_batch_size=2), CPU)
    value = objective.accumulate({"forget": ROWS}, Moment())
    expected = plain(other, loss)
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    for (weight, ours), (_, theirs) in zip(model.named_parameters(), other.named_parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6, msg=weight)


def test_a_recipe_says_which_answers_it_needs_and_which_of_them_must_be_scored():
    recipe = Recipe(forget=[{"kind": "dpo", "answer": "alternative"}, {"kind": "idk"}])
    assert recipe.companions() == ["alternative", "refusal"]
    assert recipe.companions(scored=True) == ["alternative"]
    assert Recipe(forget={"kind": "npo"}).companions() == []


R2MU = {
    "forget": [{"kind": "rmu", "layer": 1}, {"kind": "rmu", "layer": 1, "on": "traces"}],
    "retain": [
        {"kind": "activation_mse", "layer": 1, "weight": 1.7},
        {"kind": "activation_mse", "layer": 1, "on": "cot", "weight": 0.8},
    ],
}


def test_r2mu_steers_traces_as_answers_and_keeps_each_set_by_its_own_weight():
    """With the forget rows as traces and the retain rows as chains of thought: twice RMU, and 1.7 + 0.8 times its
    partner; α weighs wikitext alone."""
    recipe, retain = Recipe(**R2MU), random_examples(9, seed=2)
    further = {"traces": FORGET, "cot": retain}
    run = Run(recipe, Schedule(steps=1, batch_size=5), retain, FORGET, further=further)
    model = build_tiny_model()
    ready = prepare(copy.deepcopy(model), recipe, Engine(), CPU, sets=run.sets)
    with torch.no_grad():
        for parameter in ready.model.parameters():  # away from θ₀, where nothing is to be kept yet
            parameter.mul_(1.05)
    rows = {"forget": ROWS, "traces": ROWS, "retain": [1, 4, 5], "cot": [1, 4, 5]}

    def value(losses) -> float:
        by_set = {}
        for name, loss in losses:
            by_set.setdefault(name, []).append(loss)
        objective = Objective(by_set, run.sets, ready.model, ready.reference, Engine(), CPU)
        return objective.accumulate(rows, Moment(), backward=False).item()

    sides = {side: [(name, loss) for of, name, loss in recipe.losses() if of == side] for side in ("forget", "retain")}
    assert value(sides["forget"]) == pytest.approx(2 * value([("forget", RMU(layer=1))]), rel=1e-6)
    assert value(sides["retain"]) == pytest.approx(2.5 * value([("retain", ActivationMSE(layer=1))]), rel=1e-5)


def test_chains_of_thought_are_only_there_for_methods_that_name_them():
    """Rows of every set that a run has are drawn in each step, so it has no other."""
    assert Recipe(**R2MU).sets() == ["forget", "traces", "retain", "cot"]


def test_yaml_s_bare_on_is_the_name_that_it_looks_like():
    """YAML 1.1 reads ``on`` as true."""
    said = yaml.safe_load("{kind: rmu, layer: 1, on: traces}")
    assert True in said
    assert Recipe(forget=said).forget[0].on == "traces"
