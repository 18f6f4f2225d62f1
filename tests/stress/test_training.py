"""Training finds what was only suppressed, and teaches a model that never knew nothing about the other half."""

import functools

import pandas as pd
import pytest
import torch

from blur_pipeline.methods.scopes.lora import Lora
from blur_pipeline.stress.halves import folds
from blur_pipeline.stress.suite import run_suite
from blur_pipeline.stress.training import Benign, Relearn, UniversalPrompt
from tests.stress.world import (
    REFUSAL,
    Heard,
    answered,
    asked,
    given,
    known,
    outcome,
    retrained,
    suppressed,
    target,
    taught,
)

HALF = Relearn(steps=(5, 10), lr=(2e-3,), batch_size=8)
HALF_LORA = Relearn(steps=(10,), lr=(1e-2,), batch_size=8, scope=Lora(rank=8))
ALL = Relearn(half=False, steps=(5,), lr=(2e-3,), batch_size=8)
SOFT = UniversalPrompt(tokens=5, steps=(20,), lr=(0.05,))


def test_the_world_is_what_it_says():
    assert known(target()) > 0.9
    assert known(suppressed()) < 0.15
    assert known(retrained()) < 0.05


@pytest.mark.parametrize("attack", [HALF, HALF_LORA, ALL, SOFT], ids=["half", "half by LoRA", "all", "soft prompt"])
def test_what_was_suppressed_comes_back_and_what_was_never_known_does_not(attack):
    assert known(suppressed(), attack) > 1.5 * known(suppressed())
    assert known(retrained(), attack) < 0.05


def test_its_steps_are_seen_as_they_come(caplog):
    """Ten of each half, though nothing is asked before the fifth."""
    with caplog.at_level("DEBUG", logger="blur_pipeline.models.progress"):
        HALF(given(retrained()), Heard())
    steps = [record.step for record in caplog.records]
    assert [step["done"] for step in steps] == 2 * list(range(1, 11))
    assert {(step["title"], step["total"]) for step in steps} == {("attack lr 0.002, training", 10)}


def test_a_half_is_asked_with_the_other_learnt():
    heard = Heard()
    HALF(given(retrained()), heard)
    (_, first, _, one), (_, _, _, _), (_, second, _, other), _ = heard.states
    assert (first, second) == (5, 5)
    assert sorted([*one.places, *other.places]) == list(range(12))
    heard = Heard()
    ALL(given(retrained()), heard)
    assert [(budget, len(asked)) for _, budget, _, asked in heard.states] == [(5, 12)]


@pytest.mark.parametrize("seed", range(3))
def test_halves_are_dealt_out_by_rows_of_everybody_or_by_whole_subjects(seed):
    questions = asked("forget")
    of = questions.table["subject"].to_numpy()
    for learnt, left in folds(questions, "row", seed):
        assert sorted([*learnt, *left]) == list(range(12))
        assert set(of[learnt]) == set(of[left]) == set(of)
    for learnt, left in folds(questions, "subject", seed):
        assert len(learnt) == len(left) == 6
        assert not set(of[learnt]) & set(of[left])
    (one, other), turned = folds(questions, "row", seed)
    assert turned == (other, one)
    assert folds(questions, "row", seed, 1) == [(one, other)]


@pytest.mark.parametrize(("by", "rows"), [("row", 1), ("subject", 2)])
@pytest.mark.parametrize("kind", [Relearn, UniversalPrompt])
def test_one_alone_has_no_halves_and_the_attack_asks_nothing(kind, by, rows, caplog):
    """It is then absent from the tables, and the log says why."""
    alone = asked("forget").take(range(rows))
    assert alone.table["subject"].nunique() == 1
    assert outcome(retrained(), kind(by=by, steps=(1,)), forget=alone).empty
    assert f"no halves by {by}: two of them are needed" in caplog.text
    found = run_suite(given(retrained(), forget=alone), {"half": kind(by=by, steps=(1,))}, 1)
    assert set(found["attack"]) == {"none"}


def test_a_training_costs_three_passes_over_its_rows():
    """Three steps on 8, 4 and 8 of 12 rows that are all about as long, then three on 4, 8 and 4, and what was asked;
    of two halves, three steps on 6 rows each."""
    table = outcome(retrained(), Relearn(half=False, steps=(3, 6), batch_size=8)).query("of == 'forget'")
    cost = table.groupby("budget")["passes"].sum().to_dict()
    assert cost == pytest.approx({3: 3 * 20 / 12 + 1, 6: 3 * 16 / 12 + 1}, rel=0.05)
    halves = outcome(retrained(), Relearn(steps=(3,), batch_size=8)).query("of == 'forget'")
    assert halves["passes"].sum() == pytest.approx(2 * (3 * 3 * 6 / 12 + 0.5), rel=0.05)


@pytest.mark.parametrize("lessons", ["retain", "others"])
def test_innocent_training_finds_what_a_model_that_refuses_everything_still_knows(lessons):
    attack = Benign(lessons=lessons, steps=(5,), lr=(3e-3,), batch_size=12)
    assert known(refuses_everything(target())) < 0.05
    assert known(refuses_everything(target()), attack) > 0.25
    assert known(refuses_everything(retrained()), attack) < 0.05
    table = outcome(refuses_everything(target()), attack)
    lesson = table[table["of"] == "lesson"].groupby("budget")["probability"].mean()
    assert lesson[0] < 0.1 < 0.7 < lesson[5]  # what teaches nothing shows nothing


def test_an_innocent_training_without_other_questions_takes_retained_ones():
    heard = Heard()
    Benign(steps=(1,))(given(retrained(), others=None), heard)
    assert heard.states[0][3].table["row_id"].tolist() == asked("retain").table["row_id"].tolist()


def test_what_the_lessons_gained_is_asked_on_the_device_wherever_the_training_left_the_model(monkeypatch):
    """Under bf16 it comes back on the CPU. The device here is one that any machine has and that computes nothing."""
    places = []
    monkeypatch.setattr(Benign, "_train", lambda *_: torch.nn.Linear(1, 1))
    device, model = torch.device("meta"), torch.nn.Linear(1, 1, device="meta")
    Benign(steps=(1,))(given(model, device=device), lambda asked, *_, **__: places.append(asked.weight.device))
    assert places == [device, device]


@functools.cache
def refuses_everything(model):
    everything = pd.concat([asked(name).table for name in ("forget", "retain", "world_facts")])
    return taught(model, answered(everything, REFUSAL), 15, 3e-3)
