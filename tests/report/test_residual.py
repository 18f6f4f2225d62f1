"""What a report says of the attacks: no more than they showed, and nothing where there were none."""

import pandas as pd
import pytest

from blur_pipeline.metrics.residual import ATTACK_COLUMNS, STATE_COLUMNS
from blur_pipeline.report import pages, tables
from blur_pipeline.report.residual import Asked, form, section, told, verdict_of
from blur_pipeline.report.residual_figure import curves
from tests.report.attacked import NAN, attacks_of, metrics_of, state, states_of
from tests.report.test_report import findings_of, metrics

ASKED = Asked("extraction_strength", ["relearn_half"])
TEN = state("relearn", 0.1, "lr 0.0005", 10, "steps")
TWENTY = state("relearn", 0.38, "lr 0.0005", 20, "steps")
HALF = state("relearn_half", 0.15, "lr 0.0005", 30, "steps")
PROMPTS = [state("prompts", 0.02, form_, access="prompts", utility=NAN) for form_ in ("cloze", "role_play")]
NF4 = state("quantise", NAN, "nf4", 4, "bits", reason="it leaves the model 80% of its probability of retained answers")
STATES = states_of(TEN, TWENTY, *PROMPTS, HALF, NF4)
ATTACKS = attacks_of({**TWENTY, "first_above": 10.0}, HALF, PROMPTS[0])
BROKEN = metrics_of(0.38, 0.21, 0.52, relearn=0.38, relearn_half=0.15, prompts=0.02, quantise=NAN)
NOTHING = pd.DataFrame(columns=STATE_COLUMNS), pd.DataFrame(columns=ATTACK_COLUMNS)


@pytest.fixture
def table():
    return tables.long_table(
        {"target": metrics(forget__probability=0.9), "unlearned": metrics(forget__probability=0.2)}
    )


@pytest.fixture
def found():
    return section(BROKEN, STATES, ATTACKS, ASKED)


def test_the_headline_names_the_worst_attack_its_budget_and_the_interval(found):
    assert found.verdict == "broken"
    assert found.headline == (
        "It is not gone: worst-case residual knowledge is 38 % [21, 52], by attack relearn (lr 0.0005, 20 steps); 0 % "
        "is a model that never knew, 100 % the target model."
    )


@pytest.mark.parametrize(
    ("interval", "verdict", "words"),
    [
        ((0.03, 0.0, 0.08), "held", "It held against these 3 attacks at this budget: worst-case residual knowledge"),
        ((0.15, 0.05, 0.3), "open", "Whether it holds against these 3 attacks at this budget is open"),
        ((0.03, NAN, NAN), "open", "at this budget is open: worst-case residual knowledge is 3 %, by"),
        ((NAN, NAN, NAN), "void", "Nothing is concluded: every attack is void."),
    ],
)
def test_what_held_is_said_with_these_attacks_at_this_budget(interval, verdict, words):
    """The void attack is none of the three."""
    head = metrics_of(*interval, reason="every attack is void", relearn=0.03, relearn_half=0.0, prompts=0.0, lens=NAN)
    assert verdict_of(head) == verdict
    found = section(head, STATES, ATTACKS, ASKED)
    assert words in found.headline
    said = " ".join([found.headline, *found.notes, told(head)])
    assert "robust" not in said
    assert ("not gone" in said) == (verdict == "broken")


def test_the_table_has_the_worst_of_each_attack_and_a_void_one_with_its_reason(found):
    rows = found.attacks.set_index("attack")
    assert rows.index.tolist() == ["relearn", "relearn_half", "prompts", "quantise"]
    assert found.attacks.columns.tolist() == [
        *("attack", "access", "form, budget", "over 20 %", "utility kept", "T 0→a", "R 0→a", "U 0→a"),
        *("taught", "excess [95 % CI]", "verdict"),
    ]
    assert rows.loc["relearn"].tolist() == [
        *("weights", "lr 0.0005, 20 steps", "10 steps", "97 %", "1.00 → 0.90", "0.20 → 0.30", "0.25 → 0.53"),
        *("0.10", "38 % [28, 48]", "open"),  # the attack's interval, not the state's ± 5
    ]
    assert rows.loc["prompts", ["form, budget", "utility kept", "excess [95 % CI]"]].tolist() == [
        *("cloze", "–", "2 % [−8, 12]"),
    ]
    assert rows.loc["quantise", ["form, budget", "excess [95 % CI]"]].tolist() == ["nf4, 4 bits", "–"]
    assert rows.loc[["relearn_half", "prompts", "quantise"], "over 20 %"].tolist() == ["–"] * 3
    assert rows.loc["quantise", "verdict"].startswith("void: it leaves the model 80%")


def test_every_state_stands_below_attack_by_attack(found):
    names = found.states["attack"].tolist()
    assert names == ["before any", "relearn", "relearn", "relearn_half", "prompts", "prompts", "quantise"]
    assert found.states["excess [95 % CI]"].tolist()[1:3] == ["10 % [5, 15]", "38 % [33, 43]"]


def test_beside_the_worst_stands_what_was_fixed_in_advance(found):
    said = " ".join(found.notes)
    assert "Mean over the attacks of the largest excess of each: 20 % [10, 30]." in said
    assert "Fixed in advance instead of chosen as the worst: relearn_half (lr 0.0005, 30 steps) 15 % [10, 20]." in said
    assert "extraction strength of the forget answers" in said


def test_what_was_fixed_in_advance_is_told_where_it_says_nothing():
    void = state("relearn_half", NAN, "lr 0.002", 30, "steps", reason="it leaves the retrained model 70% of its use")
    said = " ".join(section(BROKEN, states_of(TWENTY, void), attacks_of(TWENTY), ASKED).notes)
    assert "relearn_half (lr 0.002, 30 steps) void, since it leaves the retrained model 70% of its use." in said


def test_what_was_there_before_any_attack_was_not_brought_back_by_one():
    head = pd.concat([BROKEN, beside("stress.excess_before", 0.31, 0.2, 0.4)])
    said = section(head, STATES, ATTACKS, ASKED).headline
    assert "by attack relearn (lr 0.0005, 20 steps); before any attack 31 % [20, 40]; 0 % is" in said
    assert "by attack relearn; before any attack 31 % [20, 40] (0 %" in told(head)
    assert "before any" not in told(pd.concat([BROKEN, beside("stress.excess_before", NAN, NAN, NAN)]))


def test_where_the_worst_attack_taught_what_it_asked_the_others_are_told():
    head = pd.concat([BROKEN, beside("stress.residual_unshown", 0.15, 0.0, 0.3)])
    shown = ASKED._replace(shown=["relearn"])
    said = " ".join(section(head, STATES, ATTACKS, shown).notes)
    assert "The worst attack (relearn) teaches the very answers that it asks for" in said
    assert "By the attacks that do not show them: 15 % [0, 30]." in said
    assert "very answers" not in " ".join(section(head, STATES, ATTACKS, ASKED).notes)


def test_an_innocent_training_says_what_it_taught():
    gains = [beside(f"stress.{name}.lesson_gain", gain, NAN, NAN) for name, gain in (("benign", 0.412), ("b", -0.01))]
    said = " ".join(section(pd.concat([BROKEN, *gains]), STATES, ATTACKS, ASKED).notes)
    assert "lessons of innocent trainings gained: benign +0.41, b -0.01; one that taught nothing shows nothing." in said


def beside(metric: str, value: float, low: float, high: float) -> pd.DataFrame:
    row = {"metric": metric, "value": value, "low": low, "high": high}
    return pd.DataFrame([row]).assign(model="unlearned", reason="")


def test_bounds_and_traces_stand_beside_it_where_they_were_found():
    rows = [
        ("stress.sampling.upper_bound", 0.134, NAN, NAN),
        ("forensics.ranked_by_probability", 0.37, 0.2, 0.6),
        ("forensics.ranked_by_probability.retrained", 0.56, NAN, NAN),
    ]
    found = pd.DataFrame(rows, columns=["metric", "value", "low", "high"]).assign(model="unlearned", reason="")
    said = " ".join(section(pd.concat([BROKEN, found]), STATES, ATTACKS, ASKED).notes)
    assert "(sampling) holds the fact with a probability below 0.134, on the mean" in said
    assert "with an AUC of 0.370 [0.200, 0.600]; of the retrained model 0.560, which is the goal" in said
    assert "Traces" not in " ".join(section(BROKEN, STATES, ATTACKS, ASKED).notes)


def test_an_attack_that_could_not_be_made_is_told():
    head = metrics_of(0.38, 0.21, 0.52, relearn=0.38, quantise=NAN, depth=NAN)
    assert "Not made, since this model does not allow it: depth." in section(head, STATES, ATTACKS, ASKED).notes
    assert "Not made" not in " ".join(section(BROKEN, STATES, ATTACKS, ASKED).notes)


def test_without_a_retrained_model_the_control_is_told():
    found = section(BROKEN, STATES, ATTACKS, ASKED._replace(control=True))
    assert "the control R is the unlearned model itself on the holdout" in found.notes[2]
    assert "control 0→a" in found.attacks.columns
    assert "retrained" not in " ".join(found.notes).replace("There is no retrained model", "")
    assert [trace.name for trace in curves(STATES, ATTACKS, "probability", True).data[:2]] == ["target", "control"]


def test_few_subjects_are_told():
    few = STATES.assign(low=NAN, high=NAN, subjects=2)
    assert "No interval from 2 subjects; 8 are needed." in section(BROKEN, few, ATTACKS, ASKED).notes
    assert not any("No interval" in note for note in section(BROKEN, STATES, ATTACKS, ASKED).notes)


def test_a_form_and_its_budget_are_said_once():
    assert form(pd.Series({"variant": "4 bits", "budget": 4.0, "unit": "bits"})) == "4 bits"
    assert form(pd.Series({"variant": "", "budget": 0.0, "unit": ""})) == ""
    assert form(pd.Series({"variant": "proxy", "budget": 1.0, "unit": "samples"})) == "proxy, 1 sample"


def test_a_verdict_s_sentence_needs_no_tables():
    assert told(BROKEN) == (
        "It is not gone: worst-case residual knowledge is 38 % [21, 52], by attack relearn (0 % is a model that never "
        "knew, 100 % the target model)."
    )
    assert told(BROKEN[BROKEN["metric"] == "x"]) is None
    refused = metrics_of(NAN, NAN, NAN, "model_utility is 40% of the target model's")
    assert "is not concluded: model_utility is 40%" in told(refused)


def test_the_curves_begin_before_the_attack_and_with_the_worst():
    """Prompts and rounding have no steps."""
    figure = curves(STATES, ATTACKS, "extraction_strength", False)
    assert [note.text for note in figure.layout.annotations] == ["relearn, lr 0.0005", "relearn_half, lr 0.0005"]
    unlearned = [trace for trace in figure.data if trace.name == "unlearned"]
    assert [list(trace.x) for trace in unlearned] == [[0, 10, 20], [0, 30]]
    assert list(unlearned[0].y) == pytest.approx([0.25, 0.36, 0.528])
    assert figure.layout.yaxis.title.text == "extraction strength"
    assert not curves(STATES[STATES["unit"] != "steps"], ATTACKS, "probability", False).data


def test_the_page_shows_the_section_with_its_curves(table):
    drawn = curves(STATES, ATTACKS, "probability", False)
    other = curves(STATES, ATTACKS, "probability", True)
    figures = {"training": other, "stress": drawn}
    attacked = findings_of(table, stress=section(BROKEN, STATES, ATTACKS, ASKED), figures=figures)
    page = pages.html_report(attacked)
    head, _, rest = page.partition("Does it stay forgotten?")
    assert "<svg" not in head
    assert rest.count("What comes back under attack") == 2
    assert rest.index("<svg") < rest.index("Every form and budget") < rest.index("<h2>Figures</h2>")
    text = pages.markdown_summary(attacked)
    assert "## Does it stay forgotten?\n\nIt is not gone: worst-case residual knowledge is 38 %" in text
    assert "| relearn | weights | lr 0.0005, 20 steps | 10 steps | 97 % |" in text


def test_where_nothing_was_attacked_there_is_no_section(table):
    assert section(metrics(forget__probability=0.2).assign(model="unlearned"), *NOTHING, ASKED) is None
    plain = findings_of(table)
    for page in (pages.html_report(plain), pages.markdown_summary(plain)):
        assert "stay forgotten" not in page
        assert "excess" not in page
    assert not curves(*NOTHING, "probability", False).data
