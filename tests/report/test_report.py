"""Tables, sentences and pages say what the metrics say, and nothing where there is nothing."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from blur_pipeline.config.reporting import Request
from blur_pipeline.metrics.aggregate import METRIC_COLUMNS
from blur_pipeline.report import figures, markdown, pages, tables, verdict
from blur_pipeline.report.outcome import Outcome


def metrics(**values) -> pd.DataFrame:
    named = lambda m: m.replace("__", ".")
    rows = [
        {"metric": named(m), "value": v, "low": v - 0.1, "high": v + 0.1, "n": 4, "subjects": 4, "reason": ""}
        if math.isfinite(v)
        else {"metric": named(m), "value": v, "low": v, "high": v, "n": 0, "subjects": 0, "reason": "it is not there"}
        for m, v in values.items()
    ]
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


@pytest.fixture
def table() -> pd.DataFrame:
    return tables.long_table(
        {
            "target": metrics(forget__probability=0.9, model_utility=0.8, forget_quality=1e-9),
            "retrained": pd.DataFrame(columns=METRIC_COLUMNS),
            "unlearned": metrics(forget__probability=0.2, model_utility=0.6, forget_quality=math.nan),
        }
    )


def test_headlines_come_first_and_absent_models_have_no_column(table):
    shown = tables.side_by_side(table)
    assert shown.columns.tolist() == ["metric", "target", "unlearned"]
    assert shown["metric"].tolist() == ["model_utility", "forget_quality", "forget.probability"]
    assert shown.loc[0].tolist() == ["model_utility", "0.800 [0.700, 0.900]", "0.600 [0.500, 0.700]"]
    assert shown.loc[1, "unlearned"] == "–"


def test_published_numbers_stand_beside_ours(table):
    published = {"values": {"NPO": {"model_utility": 0.46, "forget_quality": 2.5e-203}}}
    shown = tables.published_table(published, table)
    assert shown.columns.tolist() == ["model", "model_utility", "forget_quality"]
    assert shown.to_numpy().tolist() == [
        ["target, here", "0.800", "1.0e-09"],
        ["unlearned, here", "0.600", "–"],
        ["NPO, published", "0.460", "2.5e-203"],
    ]
    assert tables.published_table({}, table).empty


def test_small_p_values_keep_their_size():
    assert tables.interval_text(1.9e-10, 0.0, 0.5) == "1.9e-10 [0.000, 0.500]"


def test_examples_are_of_several_people_by_turns():
    """With the first rows, four of them would all be Ada's."""
    asked = pd.DataFrame({"set": "forget", "row_id": list("abcdef"), "subject": ["Ada"] * 4 + ["Bo", None]})
    said = asked.drop(columns="subject").assign(question="q", answer=[f"a{i}" for i in range(6)], completion="c")
    found = tables.example_answers({"target": said, "unlearned": said.assign(completion="d")}, asked, 4)
    assert found["answer"].tolist() == ["a0", "a4", "a5", "a1"]
    assert found.columns.tolist() == ["question", "answer", "target", "unlearned"]
    assert tables.example_answers({"target": said}, asked, 0).empty


def test_reasons_are_said_once(table):
    assert tables.reasons(table) == ["forget_quality: it is not there"]


def test_the_verdict_claims_no_more_than_there_is(table):
    said = " ".join(verdict.verdict(table))
    assert "from 0.900 to 0.200." in said
    assert "never saw" not in said  # there is no retrained model
    assert "Forget quality" not in said
    assert "0.600, 75% of the target model's 0.800" in said


def said_of(target: dict, unlearned: dict) -> str:
    return " ".join(
        verdict.verdict(tables.long_table({"target": metrics(**target), "unlearned": metrics(**unlearned)}))
    )


def test_a_large_p_value_is_no_proof_of_likeness():
    """What a test did not find is said with its power, and "alike" only where equivalence was shown."""
    measured = {"forget_quality": 0.5, "forget_quality__power": 0.3, "difference__nll": 0.4}
    said = said_of({"forget_quality": 1e-9}, measured | {"equivalence": 0.7})
    assert "no difference was found at the 5 % level, which does not show that there is none" in said
    assert "kept half of the knowledge it finds 30%" in said
    assert "differs from the retrained model by NLL +0.40" in said
    assert "is not shown (p = 0.7" in said
    assert "cannot be told" not in said
    assert "is shown (p = 0.01" in said_of({}, measured | {"equivalence": 0.01})
    assert "tell the unlearned model from the retrained one" in said_of({}, {"forget_quality": 0.01})


def test_the_margin_of_likeness_is_said_with_it():
    """By the report with its number, by who has the metrics alone with the parameter's name."""
    table = tables.long_table({"unlearned": metrics(difference__nll=0.4, equivalence=0.01)})
    margin = "like it within a ratio of 1.25 either way (differences up to 0.22) is shown (p = 0.01"
    assert margin in " ".join(verdict.verdict(table, 1.25))
    assert "like it within the ratio of evaluation.equivalence_ratio is shown" in " ".join(verdict.verdict(table))
    found = replace(findings_of(table), parameters={"evaluation": {"equivalence_ratio": 1.25}})
    for page in (pages.html_report(found), pages.markdown_summary(found)):
        assert margin in page


@pytest.mark.parametrize(("target", "blind"), [(1e-9, False), (0.4, True)])
def test_a_blind_test_of_forgetting_is_called_so(target, blind):
    assert ("it says nothing here" in said_of({"forget_quality": target}, {"forget_quality": 0.5})) == blind


def test_the_number_of_subjects_is_stated(table):
    assert tables.subjects_of_sets(table) == "forget 4 (4 rows)"


def test_the_trade_off_draws_each_model_with_its_interval(table):
    figure = figures.trade_off(table)
    assert [trace.name for trace in figure.data] == ["target", "unlearned"]
    assert figure.data[1].x[0] == 0.2
    assert figure.data[1].error_x.array[0] == pytest.approx(0.1)


def test_without_utility_the_trade_off_shows_the_retain_probability():
    found = figures.trade_off(tables.long_table({"target": metrics(forget__probability=0.9, retain__probability=0.7)}))
    assert found.layout.yaxis.title.text == "retain probability"
    assert found.data[0].y[0] == 0.7


@pytest.mark.parametrize(("low", "high", "said"), [(0.4, 0.6, False), (0.8, 0.95, True), (0.14, 0.38, True)])
def test_an_attack_that_accuses_the_retrained_model_is_called_unfair(low, high, said):
    row = {
        "metric": "membership.min_k",
        "value": (low + high) / 2,
        "low": low,
        "high": high,
        "n": 80,
        "subjects": 20,
        "reason": "",
    }
    table = tables.long_table({"retrained": pd.DataFrame([row])})
    assert any("the sets differ by themselves" in sentence for sentence in verdict.verdict(table)) == said


def test_rows_that_chose_the_weights_are_told(table):
    best = {"kind": "best", "rows": 32, "every": 10}
    assert "up to 32 rows of the forget and of the retain set" in verdict.chosen_by(best)[0]
    for plain in ({}, {"kind": "off"}, {"kind": "fixed", "rows": 32, "steps": 5}):
        assert verdict.chosen_by(plain) == []
    page = pages.markdown_summary(replace(findings_of(table), method={"stopping": best}))
    assert verdict.chosen_by(best)[0] in page


def test_the_request_stands_above_what_was_to_be_forgotten(table):
    asked = Request(id="R-0007 <b>", received="2026-11-03", basis="GDPR 17(1)(b)")
    found = replace(findings_of(table), request=asked.told())
    page = pages.html_report(found).partition("<h2>What was asked to be forgotten")[2]
    assert page.index("Request R-0007 &lt;b&gt;, received 2026-11-03, basis: GDPR 17(1)(b).") < page.index("sha256")
    page = pages.markdown_summary(found).partition("## Asked to be forgotten")[2].partition("## Method")[0]
    assert "Request R-0007 &lt;b&gt;, received 2026-11-03, basis: GDPR 17(1)(b)." in page
    for page in (pages.html_report(findings_of(table)), pages.markdown_summary(findings_of(table))):
        assert "equest" not in page.partition("orgotten, and what")[2].partition("Method")[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"id": "R-7"}, "Request R-7."),
        ({"received": "2026-11-03"}, "Request received 2026-11-03."),
        ({"basis": "consent withdrawn"}, "Request, basis: consent withdrawn."),
    ],
)
def test_of_a_request_what_is_given_is_told(given, said):
    assert Request(**given).told() == said


def findings_of(table, stress=None, figures=None, **curation) -> pages.Findings:
    plain = {"sources": [], "overlap": {"exact": 0, "near": 0}, "sets": {"forget": {"read": 1, "dropped": {}}}}
    return pages.Findings(
        outcome=Outcome("not forgotten", "the largest gap is that of <b>something</b>."),
        title="t",
        parameters={},
        method={},
        curation=plain | curation,
        metrics=table,
        answers=pd.DataFrame({"question": ["<script>alert(1)</script>"]}),
        record={"facts": {}, "stages": {}, "made_of": {}, "seconds": {}},
        stress=stress,
        figures=figures or {},
    )


def test_metrics_stand_under_headings_with_arrows_and_a_glossary(table):
    page = pages.html_report(findings_of(table))
    body = page[page.index("<h2>Metrics</h2>") :]
    assert body.index(">In one number<") < body.index(">To be forgotten<") < body.index(">forget.probability<")
    assert ">To be kept<" not in body.partition("All metrics")[0]  # nothing was
    assert 'title="probability of the right answer' in body
    assert "→ retrained" in body
    assert "<dt>SET.probability</dt><dd>probability of the right answer" in body.partition('id="glossary"')[2]


def test_questions_that_were_left_out_are_told(table):
    page = pages.html_report(findings_of(table, too_long={"retain": 2, "holdout": 1}))
    assert "Not asked, being over-long: 2 of retain, 1 of holdout." in page
    assert "Not asked" not in pages.html_report(findings_of(table, too_long={}))


def test_what_unlearning_alone_learnt_from_is_told(table):
    page = pages.html_report(findings_of(table, companions={"refusal": 40, "alternative": 12}))
    assert "another answer that unlearning may read: 40 with refusal, 12 with alternative." in page
    assert "another answer" not in pages.html_report(findings_of(table, companions={}))


EVIL = "a|b `c` <script>alert(1)</script>\n\n# head\n[x](javascript:alert(1)) *b*"


@pytest.fixture
def evil(table) -> pages.Findings:
    """What data can say: a question, an answer, the name of a file, a reason, the source of published numbers."""
    source = {"set": "forget", "source": f"data/{EVIL}.jsonl", "rows": 1, "sha256": "0" * 64}
    table.loc[table["reason"] != "", "reason"] = EVIL
    return pages.Findings(
        outcome=Outcome("not forgotten", "the largest gap is that of <b>something</b>."),
        title=EVIL,
        parameters={"source_folder": EVIL},
        method={"weighting.gamma": EVIL},
        curation={
            "sources": [source],
            "overlap": {"exact": 0, "near": 0},
            "sets": {"forget": {"read": 1, "dropped": {EVIL: 1}}},
        },
        metrics=table,
        answers=pd.DataFrame({"question": [EVIL], "unlearned": [EVIL]}),
        record={"facts": {"command": EVIL}, "stages": {}, "made_of": {}, "seconds": {}},
        published={"source": EVIL, "values": {EVIL: {"model_utility": 0.5}}},
    )


def test_texts_of_the_data_become_no_html(evil):
    assert "<script>alert" not in pages.html_report(evil)
    assert "&lt;script&gt;alert" in pages.html_report(evil)


def test_texts_of_the_data_break_no_markdown(evil):
    """A row of a table has as many unescaped bars as its head; no line begins a heading that is not the template's."""
    text = pages.markdown_summary(evil)
    assert "<script" not in text
    assert "](javascript" not in text
    ours = {"Published, for comparison", "Asked to be forgotten", "Method", "Lineage", "Record of this report"}
    heads = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    assert set(heads[1:]) == ours
    rows = [line for line in text.splitlines() if line.startswith("|")]
    bars = [line.replace("\\|", "").count("|") for line in rows]
    # Metrics of target and unlearned: head, rule, three rows of 3 cells; published: head, rule, three rows of 2.
    assert bars == [4] * 5 + [3] * 5
    assert "model_utility" in text  # names stay readable


def test_a_line_between_backticks_holds_none():
    assert markdown.code("a`b\nc") == "a'b c"
    assert markdown.plain("0.800 [0.700, 0.900]") == "0.800 [0.700, 0.900]"
    assert markdown.plain("a|b\n<i>") == "a\\|b &lt;i&gt;"
