"""Forgetting up to a level: by hand, at rest there, and where the level comes from."""

import copy

import pytest
import torch
from pydantic import ValidationError

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.levels import LevelHinge, LevelSquare
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.forward import Forward
from blur_pipeline.pipelines.unlearning.lessons import measured_examples
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples
from tests.methods.given import Given

CPU = torch.device("cpu")


def outputs(logprobs, sequence, **more) -> Given:
    values, where = torch.tensor(logprobs, requires_grad=True), torch.tensor(sequence)
    sums = torch.zeros(int(where.max()) + 1).index_add(0, where, values)
    return Given(token_logprobs=values, sequence=where, sequence_logprobs=sums, **more)


def two_sequences(**more) -> Given:
    """Of mean NLL 1 and 4; tokens of NLL 0, 2 and 4."""
    return outputs([-0.0, -2.0, -4.0], [0, 0, 1], **more)


def gradient(loss, model):
    return torch.autograd.grad(loss(model, None), model.token_logprobs())[0].tolist()


def test_hinge_by_hand():
    model = two_sequences()
    assert LevelHinge(level=3)(model, None).item() == pytest.approx(2)
    assert LevelHinge(level=3, per="token")(model, None).item() == pytest.approx(3 + 1)
    assert gradient(LevelHinge(level=3), two_sequences()) == [0.5, 0.5, 0]  # what is beyond rests
    assert gradient(LevelHinge(level=3, per="token"), two_sequences()) == [1, 1, 0]


def test_square_by_hand():
    model = two_sequences()
    assert LevelSquare(level=3)(model, None).item() == pytest.approx(4 + 1)
    assert LevelSquare(level=3, per="token")(model, None).item() == pytest.approx(9 + 1 + 1)
    assert gradient(LevelSquare(level=3), two_sequences()) == [2, 2, -2]  # what is beyond comes back


def test_means_are_over_sequences_or_tokens():
    assert (LevelHinge(level=1).unit, LevelSquare(level=1, per="token").unit) == ("sequences", "tokens")


def test_a_level_is_measured_once_as_the_mean_over_all_tokens_of_a_set(retain_examples):
    before, holdout = build_tiny_model(), random_examples(5, seed=8)
    loss = LevelHinge(level="measured")
    ready = prepare(copy.deepcopy(before), Recipe(forget=loss), Engine(), CPU,
                    sets={"retain": retain_examples, "holdout": holdout})  # fmt: skip
    logprobs = Forward(before, holdout.batch(range(5))).token_logprobs()
    assert ready.recipe.forget[0].level == pytest.approx(-logprobs.mean().item(), rel=1e-6)


def test_a_set_that_is_not_there_is_named(retain_examples):
    with pytest.raises(ValueError, match="looks at the holdout set, which this training does not have"):
        prepare(build_tiny_model(), Recipe(forget=LevelHinge(level="measured")), Engine(), CPU,
                sets={"retain": retain_examples})  # fmt: skip


BILEVEL = {"kind": "bilevel", "gamma": 0.5}


def trained(forget: dict, weighting: dict, steps: int, lr: float, forget_set, retain_set):
    recipe = Recipe(forget=forget, weighting=weighting, optimizer={"kind": "adamw", "lr": lr, "weight_decay": 0.0})
    run = Run(recipe, Schedule(steps=steps, batch_size=7, lr_curve="constant"), retain_set, forget_set)
    return train(build_tiny_model(), run)


def test_below_its_level_bilevel_rests_and_learns_what_it_retains(forget_examples, retain_examples):
    """A random model's NLL is about log 64 = 4.2: the level 3 is reached already, f = 0 and d = r."""
    rested, rows = trained({"kind": "level_hinge", "level": 3.0}, BILEVEL, 3, 1e-3, forget_examples, retain_examples)
    assert all(row["forget_gradient_norm"] == 0 and row["forget_weight"] == 0 for row in rows)
    alone, _ = trained({"kind": "none"}, {"kind": "sum"}, 3, 1e-3, forget_examples, retain_examples)
    assert all(torch.equal(value, rested.state_dict()[name]) for name, value in alone.state_dict().items())


@pytest.mark.parametrize(
    ("forget", "weighting"), [({"kind": "level_hinge"}, BILEVEL), ({"kind": "level_square"}, {"kind": "sum"})]
)
def test_forgetting_ends_at_the_level_where_ascent_goes_on(forget, weighting, forget_examples, retain_examples):
    """Eighty steps towards 5 nats end near it, where Adam's momentum left them; ascent goes far."""

    def mean_nll(model) -> float:
        logprobs = Forward(model, forget_examples.batch(range(7)))
        return (-logprobs.sequence_logprobs() / logprobs.supervised_tokens()).mean().item()

    model, _ = trained({**forget, "level": 5.0}, weighting, 80, 3e-3, forget_examples, retain_examples)
    ascent, _ = trained({"kind": "ga"}, weighting, 80, 3e-3, forget_examples, retain_examples)
    assert mean_nll(model) == pytest.approx(5.0, abs=1.2)
    assert mean_nll(ascent) > 8


@pytest.mark.parametrize("values", [{}, {"level": 0}, {"level": "row"}, {"level": 2, "per": "word"}])
def test_bounds(values):
    with pytest.raises(ValidationError):
        LevelHinge(**values)


def test_of_the_holdout_the_plain_answers_are_measured_and_nothing_where_no_level_is():
    rows = [
        {"set": of, "variant": variant, "input_ids": [n, 1, 2], "labels": [-100, 1, 2]}
        for n, (of, variant) in enumerate([("holdout", "answer"), ("holdout", "paraphrase"), ("forget", "answer")])
    ]
    shown = measured_examples(rows, Recipe(forget=LevelHinge(level="measured")))
    assert [list(ids) for ids in shown["holdout"].input_ids] == [[0, 1, 2]]
    with pytest.raises(BadInputError, match="The holdout is empty"):
        measured_examples(rows[2:], Recipe(forget=LevelHinge(level="measured")))
    for level in ({"level": 2.0}, {"level": "measured", "measured_on": "retain"}):
        assert measured_examples(rows, Recipe(forget=LevelHinge(**level))) == {}
