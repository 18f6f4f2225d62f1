"""The score's identities, and small tables whose excess is computed by hand."""

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.residual import (
    About,
    Limits,
    Side,
    Sides,
    attacks_table,
    headline,
    states_of,
    states_table,
    worst_of,
)
from blur_pipeline.statistics.intervals import Resampler, interval

LIMITS = Limits("probability", 0.9)
ABOUT = {"relearn": About("weights", "steps"), "prompts": About("prompts", "")}
ROWS = [f"row-{i}" for i in range(24)]


def answers(known: dict[tuple, float | np.ndarray], kept: dict[tuple, float] | None = None, seed: int = 0):
    """A table of one model: by state what it knows of each of 24 questions about 12 people."""
    subjects = [f"person-{i // 2}" for i in range(24)]
    parts = [
        pd.DataFrame({"row_id": ROWS, "subject": subjects, "probability": value, "of": "forget", "seed": seed}).assign(
            attack=key[0], variant=key[1], budget=key[2]
        )
        for key, value in known.items()
    ]
    parts += [
        pd.DataFrame({"row_id": ["kept"], "subject": "k", "probability": value, "of": "retain", "seed": seed}).assign(
            attack=key[0], variant=key[1], budget=key[2]
        )
        for key, value in ({("none", "", 0.0): 0.8} | (kept or {})).items()
    ]
    return pd.concat(parts, ignore_index=True)


NONE, TEN, THIRTY, ASKED = ("none", "", 0.0), ("relearn", "", 10.0), ("relearn", "", 30.0), ("prompts", "cloze", 0.0)


def spread(mean: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(-0.05, 0.05, 24)
    return mean + noise - noise.mean()


def sides(target, retrained, unlearned, control=False) -> Sides:
    resampler = Resampler(400, 0)
    asked = ["forget", "holdout" if control else "forget", "forget"]
    return Sides(
        *(
            Side(table, "probability", resampler, name)
            for table, name in zip((target, retrained, unlearned), asked, strict=True)
        ),
        control,
    )


@pytest.fixture
def target():
    states = {NONE: spread(0.9, 1), TEN: spread(0.9, 2), THIRTY: spread(0.85, 3), ASKED: spread(0.7, 4)}
    return answers(states, {TEN: 0.8, THIRTY: 0.8})


@pytest.fixture
def retrained():
    states = {NONE: spread(0.1, 5), TEN: spread(0.2, 6), THIRTY: spread(0.35, 7), ASKED: spread(0.1, 8)}
    return answers(states, {TEN: 0.8, THIRTY: 0.8})


def test_a_retrained_model_has_nothing_left_and_the_target_model_all(target, retrained):
    """Of every state and every resample, and so of the headline with its interval."""
    for model, wanted in ((retrained, 0.0), (target, 1.0)):
        states = states_of(sides(target, retrained, model), ABOUT, LIMITS)
        assert [s.row["excess"] for s in states] == pytest.approx([wanted] * 4)
        assert all(s.resampled == pytest.approx(np.full(400, wanted)) for s in states)
        head = headline(states, ABOUT).set_index("metric")
        for metric in ("stress.residual_knowledge", "stress.mean_excess", "stress.relearn.excess"):
            assert head.loc[metric, ["value", "low", "high"]].tolist() == pytest.approx([wanted] * 3)
        assert {s.row["verdict"] for s in states} == {"held" if wanted == 0 else "broken"}


def test_the_excess_is_a_share_of_what_the_target_has_over_the_retrained(target, retrained):
    """By hand: (.5 − .35)/(.85 − .35) = .3 after 30 steps, (.3 − .2)/(.9 − .2) = 1/7 after 10; the worst of both, and
    the first budget above .2. By asking: (.1 − .1)/.6 = 0. The mean of the two attacks is .15; R was taught .25."""
    states = {NONE: spread(0.1, 9), TEN: spread(0.3, 9), THIRTY: spread(0.5, 10), ASKED: spread(0.1, 8)}
    unlearned = answers(states, {TEN: 0.8, THIRTY: 0.75})
    found = states_of(sides(target, retrained, unlearned), ABOUT, LIMITS)
    table = states_table(found).set_index(["attack", "budget"])
    assert table["excess"].tolist() == pytest.approx([0.0, 1 / 7, 0.3, 0.0])
    assert table.loc[("relearn", 30), "taught"] == pytest.approx(0.25)
    assert table.loc[("relearn", 30), "utility"] == pytest.approx(0.75 / 0.8)
    attacks = attacks_table(worst_of(found))
    assert attacks["attack"].tolist() == ["relearn", "prompts"]
    assert attacks.loc[0, ["budget", "first_above"]].tolist() == [30, 30]
    head = headline(found, ABOUT).set_index("metric")["value"]
    assert head["stress.residual_knowledge"] == pytest.approx(0.3)
    assert head["stress.mean_excess"] == pytest.approx(0.15)


def test_the_interval_of_the_worst_is_one_of_the_largest(target, retrained):
    """Of three states that are equal but for noise the largest is the worst, and by chance: from below no state is
    said to be higher than all of them together allow, and above lies the highest end of any."""
    noisy = np.random.default_rng(0)
    states = {NONE: spread(0.1, 1)}
    states |= {key: np.clip(0.4 + noisy.normal(0, 0.3, 24), 0, 1) for key in (TEN, THIRTY, ASKED)}
    found = states_of(sides(target, retrained, answers(states, {TEN: 0.8, THIRTY: 0.8})), ABOUT, LIMITS)
    asked = [state.row for state in found[1:]]
    head = headline(found, ABOUT).set_index("metric")
    low, high = head.loc["stress.residual_knowledge", ["low", "high"]]
    assert low < max(row["low"] for row in asked)
    assert high == pytest.approx(min(1, max(row["high"] for row in asked)))
    alone = head.loc["stress.prompts.excess", ["low", "high"]].tolist()  # one state: its own interval
    assert alone == pytest.approx([asked[-1]["low"], asked[-1]["high"]])
    told = [(worst.value, *worst.interval()) for worst in worst_of(found).values()]
    assert head.loc["stress.mean_excess", ["value", "low", "high"]].tolist() == pytest.approx(np.mean(told, axis=0))


def test_nothing_found_on_eight_people_is_no_proof_that_nothing_is_left(target):
    """What no fact gives away on any of them has no interval (a resample is as empty), and so has not held."""
    nothing = {key: np.zeros(24) for key in (NONE, ASKED)}
    found = states_of(sides(target, answers(nothing, {}), answers(nothing, {})), ABOUT, LIMITS)
    row = found[-1].row
    assert row["excess"] == 0
    assert np.isnan([row["low"], row["high"]]).all()
    assert row["verdict"] == "open"
    worst = headline(found, ABOUT).set_index("metric").loc["stress.residual_knowledge"]
    assert worst["value"] == 0
    assert np.isnan(worst["low"])


def test_what_was_known_before_and_what_no_attack_has_shown_stand_apart(target, retrained):
    """By hand: before any attack (.3 − .1)/(.9 − .1) = ¼. Relearning, which shows the answers that it asks for, finds
    (.83 − .2)/.7 = .9, asking (.22 − .1)/.6 = .2: without what was just taught .2 is known. Where every attack shows
    them, nobody can tell."""
    unlearned = answers({NONE: spread(0.3, 1), TEN: spread(0.83, 2), ASKED: spread(0.22, 4)}, {TEN: 0.8})
    found = states_of(sides(target, retrained, unlearned), ABOUT, LIMITS)
    shown = {"relearn": About("weights", "steps", shows=True), "prompts": About("prompts", "")}
    head = headline(found, shown).set_index("metric")
    assert head.loc["stress.excess_before", "value"] == pytest.approx(0.25)
    assert head.loc["stress.residual_knowledge", "value"] == pytest.approx(0.9)
    assert head.loc["stress.residual_unshown", "value"] == pytest.approx(0.2)
    ends = head.loc["stress.residual_unshown", ["low", "high"]].tolist()
    assert ends == pytest.approx(list(interval(np.clip(found[2].resampled, 0, 1), 12)))
    alone = headline(found[:2], {"relearn": shown["relearn"]}).set_index("metric")
    assert "shows the answers that it asks for" in alone.loc["stress.residual_unshown", "reason"]
    refused = headline(found, shown, "no use").set_index("metric")["reason"]
    assert refused["stress.residual_unshown"] == refused["stress.excess_before"] == "no use"


def test_what_an_attack_taught_does_not_show_what_it_keeps(target, retrained):
    """Two retained rows at .8: the lesson is known at 1 after it, the other at .4, which is half and not 7/8."""
    kept = answers({NONE: spread(0.3, 1), TEN: spread(0.5, 2)}, {TEN: 1.0})
    more = kept[kept["of"] == "retain"].assign(row_id="other")
    more.loc[more["attack"] == "relearn", "probability"] = 0.4
    lesson = kept[(kept["of"] == "retain") & (kept["attack"] == "relearn")].assign(of="lesson")
    states = states_of(sides(target, retrained, pd.concat([kept, more, lesson])), ABOUT, LIMITS)
    assert states[1].row["utility"] == pytest.approx(0.5)
    assert "50% of its probability" in states[1].row["reason"]
    untaught = states_of(sides(target, retrained, pd.concat([kept, more])), ABOUT, LIMITS)
    assert untaught[1].row["utility"] == pytest.approx(7 / 8)


def test_the_first_budget_is_the_mildest_of_the_worst_form():
    """Of the worst form .1, .5 and .6 in 8, 4 and 3 bits: from 4 bits on, though 3 is less, and 9 of another form."""
    excess = {("a", 8.0): 0.1, ("a", 4.0): 0.5, ("a", 3.0): 0.6, ("b", 9.0): 0.4}
    keys = {("quantise", *key): value for key, value in excess.items()}
    unlearned = answers({NONE: spread(0.1, 1)} | {key: spread(0.1 + 0.8 * e, 2) for key, e in keys.items()})
    known, never = (answers(dict.fromkeys([NONE, *keys], spread(value, 3))) for value in (0.9, 0.1))
    states = states_of(sides(known, never, unlearned), {"quantise": About("prompts", "bits")}, LIMITS)
    assert attacks_table(worst_of(states)).loc[0, ["budget", "first_above"]].tolist() == [3, 4]


def test_what_says_nothing_is_void_with_its_reason(target, retrained):
    taught = answers({NONE: spread(0.1, 1), TEN: spread(0.85, 2), THIRTY: spread(0.8, 3), ASKED: spread(0.1, 4)})
    states = {NONE: spread(0.9, 1), TEN: spread(0.9, 2), THIRTY: spread(0.85, 3), ASKED: spread(0.12, 4)}
    wrecked = answers(states, {TEN: 0.8, THIRTY: 0.4})
    void = states_table(states_of(sides(wrecked, taught, wrecked), ABOUT, LIMITS))
    assert void["verdict"].tolist() == ["broken", *["void"] * 3]
    assert "the retrained model knows as much as the target model" in void["reason"][1]
    assert "the target model itself knows 0.12 after it, of 0.90" in void["reason"][3]
    spoilt = states_table(states_of(sides(target, retrained, wrecked), ABOUT, LIMITS))
    assert spoilt["verdict"].tolist()[2] == "void"
    assert "the unlearned model 50% of its probability" in spoilt["reason"][2]
    weak = answers({NONE: spread(0.9, 1), TEN: spread(0.9, 2), THIRTY: spread(0.6, 3)}, {TEN: 0.8, THIRTY: 0.6})
    spoilt = states_table(states_of(sides(weak, retrained, target), ABOUT, LIMITS))
    assert spoilt["verdict"].tolist()[1:3] == ["broken", "void"]
    assert "the target model 75% of its probability" in spoilt["reason"][2]
    head = headline([], ABOUT).set_index("metric")
    assert head["value"].isna().all()
    assert head.loc["stress.residual_knowledge", "reason"] == "every attack is void"
    some = headline([], ABOUT, made={"relearn"}).set_index("metric")["reason"]
    assert some["stress.relearn.excess"] == "void, see the table of states"
    assert some["stress.prompts.excess"] == "it cannot be made on this model, see the log"


def test_without_a_retrained_model_the_control_is_the_model_itself_on_the_holdout(target):
    """Other questions, so they are resampled apart; the value is the same share."""
    states = {NONE: spread(0.1, 9), TEN: spread(0.55, 9)}
    unlearned = answers(states, {TEN: 0.8})
    control = answers({NONE: spread(0.1, 5), TEN: spread(0.2, 6)}, {TEN: 0.8})
    control["row_id"] = "held-" + control["row_id"]
    found = states_of(sides(target, control, unlearned, control=True), ABOUT, LIMITS)
    assert found[1].row["excess"] == pytest.approx((0.55 - 0.2) / (0.9 - 0.2))
    assert found[1].row["low"] < found[1].row["excess"] < found[1].row["high"]


def test_seeds_are_averaged_question_by_question(target, retrained):
    first, second = (answers({NONE: spread(0.1, 1), TEN: np.full(24, value)}, {TEN: 0.8}, seed) for seed, value in
                     ((0, 0.2), (1, 0.4)))  # fmt: skip
    found = states_of(sides(target, retrained, pd.concat([first, second])), ABOUT, LIMITS)
    assert found[1].row["unlearned"] == pytest.approx(0.3)
    assert found[1].row["n"] == 24


def test_the_side_with_the_fewest_subjects_decides_whether_there_is_an_interval(target):
    """Twelve people are asked about, and a control of two has none to give; nor has a maximum over an attack on few."""
    unlearned = answers({NONE: spread(0.1, 9), TEN: spread(0.55, 9), ASKED: spread(0.3, 2)}, {TEN: 0.8})
    control = answers({NONE: spread(0.1, 5), TEN: spread(0.2, 6), ASKED: spread(0.1, 8)}, {TEN: 0.8})
    two = control.assign(subject=control["row_id"].map(lambda r: f"p{len(r)}"), row_id="held-" + control["row_id"])
    found = states_of(sides(target, two, unlearned, control=True), ABOUT, LIMITS)
    assert [state.row["subjects"] for state in found] == [2] * 3
    assert np.isnan([state.row["low"] for state in found]).all()
    few = unlearned[(unlearned["attack"] != "prompts") | unlearned["row_id"].isin(ROWS[:4])]
    head = headline(states_of(sides(target, control, few), ABOUT, LIMITS), ABOUT).set_index("metric")
    assert head["subjects"].to_dict() == {
        "stress.residual_knowledge": 2,
        "stress.residual_unshown": 2,
        "stress.mean_excess": 2,
        "stress.excess_before": 12,
        "stress.relearn.excess": 12,
        "stress.prompts.excess": 2,
    }
    assert np.isnan(head.loc["stress.residual_knowledge", "low"])


def test_few_subjects_have_no_interval(target, retrained):
    few = [table.assign(subject=table["row_id"].map(lambda r: f"p{len(r)}")) for table in (target, retrained, target)]
    head = headline(states_of(sides(*few), ABOUT, LIMITS), ABOUT).set_index("metric")
    assert np.isnan(head.loc["stress.residual_knowledge", "low"])
    assert head["reason"].str.contains("8 are needed").all()
