"""Training finds what was only suppressed, and teaches a model that never knew nothing about the other half."""

import functools
import re

import pandas as pd
import pytest
import torch

from blur_pipeline.methods.scopes.lora import Lora
from blur_pipeline.metrics.lessons import lesson_rows
from blur_pipeline.metrics.residual import Side
from blur_pipeline.statistics.intervals import Resampler
from blur_pipeline.stress.halves import folds
from blur_pipeline.stress.suite import run_suite
from blur_pipeline.stress.training import Benign, Relearn, UniversalPrompt
from blur_pipeline.training import loop
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


def learnt_and_asked(attack, monkeypatch):
    """Of each training of an attack the tokens of its lessons, and of what is asked in its course."""
    trained, asked_for, real = [], [], loop.train

    def train(model, run, device):
        trained.append({tuple(ids) for ids in run.retain.input_ids})
        asked_for.append(set())
        return real(model, run, device)

    class Listening(Heard):
        def __call__(self, model, asked, variant="", budget=0, of="forget") -> None:
            if of == "forget":
                asked_for[-1] |= {tuple(ids) for ids in asked.examples.input_ids}

    monkeypatch.setattr(loop, "train", train)
    attack(given(retrained()), Listening())
    return list(zip(trained, asked_for, strict=True))


@pytest.mark.parametrize("by", ["row", "subject"])
@pytest.mark.parametrize("attack", [HALF, HALF_LORA, SOFT], ids=["half", "half by LoRA", "soft prompt"])
def test_no_answer_of_the_half_that_is_asked_was_a_lesson(attack, by, monkeypatch):
    """Twelve questions: six are learnt and the other six asked, then the other way round. Who learns all of them is
    the one attack that is shown what it asks for, and says so."""
    found = learnt_and_asked(attack.model_copy(update={"steps": (1,), "by": by}), monkeypatch)
    assert [(len(learnt), len(left), learnt & left) for learnt, left in found] == [(6, 6, set())] * 2
    assert found[0] == found[1][::-1]
    assert not attack.shows


def test_who_learns_all_is_shown_what_it_asks_for(monkeypatch):
    ((learnt, left),) = learnt_and_asked(ALL, monkeypatch)
    assert learnt == left
    assert ALL.shows


def test_its_steps_are_seen_as_they_come(caplog):
    """Ten of each half, though nothing is asked before the fifth."""
    with caplog.at_level("DEBUG", logger="blur_pipeline.models.progress"):
        HALF(given(retrained()), Heard())
    steps = [record.step for record in caplog.records]
    assert [step["done"] for step in steps] == 2 * list(range(1, 11))
    assert {(step["title"], step["total"]) for step in steps} == {("attack lr 0.002, training", 10)}
    assert all(re.fullmatch(r"loss \d+\.\d{3}", step["losses"]) for step in steps)  # nothing is retained here


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
    assert set(heard.states[0][3].table["row_id"]) < set(asked("retain").table["row_id"])


def test_what_retained_lessons_teach_is_not_what_shows_that_they_are_kept():
    """Half of the retained questions are learnt; a training that wrecks all others cannot hide behind them."""
    attack = Benign(lessons="retain", steps=(5,), lr=(3e-3,), batch_size=12)
    table = outcome(target(), attack)
    lessons, kept = (set(table.loc[table["of"] == of, "row_id"]) for of in ("lesson", "retain"))
    assert len(lessons) == len(asked("retain")) / 2
    assert lessons < kept == set(asked("retain").table["row_id"])
    before = outcome(target(), None).assign(attack="none")
    side = Side(pd.concat([before, table]), "probability", Resampler(10, 0), "forget")
    rows = table[(table["of"] == "retain") & ~table["row_id"].isin(lessons)]
    first = before[(before["of"] == "retain") & before["row_id"].isin(rows["row_id"])]["probability"].mean()
    assert side.utility["attack", "lr 0.003", 5.0] == pytest.approx(rows["probability"].mean() / first)


def test_what_an_innocent_training_gained_is_of_the_form_that_gained_least():
    """.3 → .7 at one rate and .3 → .4 at another."""
    rows = [(variant, budget, p) for variant, last in (("a", 0.6), ("b", 0.3)) for budget, p in
            ((0.0, 0.2), (30.0, 0.9), (100.0, last)) for p in (p, p + 0.2)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["variant", "budget", "probability"])
    table = table.assign(attack="benign", of="lesson", row_id=table.index % 2, subject=0)
    row = lesson_rows(table).iloc[0]
    assert (row["metric"], row["n"]) == ("stress.benign.lesson_gain", 2)
    assert row["value"] == pytest.approx(0.1)
    assert lesson_rows(table.assign(of="forget")).empty


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
