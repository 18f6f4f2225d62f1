"""What is held out: never nobody where somebody was asked for, never whom the forget set is about."""

import json
import logging

import pandas as pd
import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.holdout import split_holdout, warn_of_few
from blur_pipeline.corpus.summary import curation_summary, summary_table
from blur_pipeline.pipelines.curation.nodes import separate_sets
from tests.config.test_parameters import load
from tests.conftest import PROJECT
from tests.corpus.test_cleaning_overlap_holdout import frame


def about(*subjects: str | None, name: str = "retain") -> pd.DataFrame:
    """A row about each, which shares little with any other."""
    pairs = [(f"What is thing {i} of {name}?", f"{name}{i} item{i} of {who}") for i, who in enumerate(subjects)]
    return frame(pairs, f"{name}-", set=name, subject=pd.Series(subjects, dtype=object))


@pytest.mark.parametrize(
    ("subjects", "fraction", "held"), [(8, 0.1, 1), (2, 0.01, 1), (1, 0.5, 0), (20, 0.1, 2), (20, 0, 0)]
)
def test_at_least_one_subject_is_held_out_where_another_is_left(subjects, fraction, held):
    rows = about(*[f"s{i // 5}" for i in range(5 * subjects)])
    retain, holdout = split_holdout(rows, fraction, seed=0)
    assert (holdout["subject"].nunique(), len(holdout), len(retain)) == (held, 5 * held, 5 * (subjects - held))


def test_nobody_of_the_forget_set_is_held_out():
    rows = about(*[f"s{i}" for i in range(10)])
    forgotten = frozenset(f"s{i}" for i in range(7))
    for seed in range(10):
        assert not forgotten & set(split_holdout(rows, 0.3, seed, forgotten)[1]["subject"])
    retain, holdout = split_holdout(rows, 0.9, 0, forgotten)
    assert set(holdout["subject"]) == {"s7", "s8", "s9"}
    assert set(retain["subject"]) == forgotten


def test_rows_without_a_subject_are_drawn_by_their_text_and_not_by_their_place():
    rows = about(*[None] * 40)
    shuffled = rows.sample(frac=1, random_state=1).reset_index(drop=True).assign(row_id=rows["row_id"])
    held = [set(split_holdout(table, 0.2, seed=0)[1]["question"]) for table in (rows, shuffled)]
    assert held[0] == held[1]
    assert len(held[0]) == 8


def test_a_holdout_without_an_interval_is_told_of(caplog):
    with caplog.at_level(logging.WARNING):
        warn_of_few(about(*[f"s{i}" for i in range(8)]))
        warn_of_few(about(*[None] * 8))
        assert not caplog.records
        warn_of_few(about("s0", "s0", "s1"))
    assert caplog.messages[0].startswith("the holdout has 2 subject(s), and 8 give an interval: membership attacks")


def test_the_report_says_what_was_kept_held_out_and_lost_to_an_overlap(caplog):
    """A split holdout had no row read; what an overlap cost stood in no column."""
    forget, retain = about("a", "a", "b", name="forget"), about("b", "c", "d", "e")
    twin = forget.head(1).assign(set="retain", row_id="retain-9", subject="f")
    rows = pd.concat([forget, retain, twin], ignore_index=True)
    curation = {"overlap": {"policy": "drop_from_retain"}, "holdout_fraction": 0.3}
    *_, counts = separate_sets(rows, check_parameters(load(PROJECT) | {"curation": curation}))
    assert "the holdout has 1 subject(s)" in caplog.text
    assert counts["subjects_in_forget_and_retain"] == 1
    none = rows.head(0).assign(reason=None)
    report = json.loads(json.dumps(curation_summary([], rows, none, counts, {})))
    assert report["overlap"] == {"pairs": 1, "exact": 1, "near": 0}
    assert report["subjects_in_forget_and_retain"] == 1
    table = summary_table(report).set_index("set")
    shown = ["rows read", "dropped: empty", "dropped: overlapping", "rows kept", "subjects"]
    assert table[shown].astype(object).where(table[shown].notna(), None).values.tolist() == [
        [3, 0, 0, 3, 2],
        [5, 0, 1, 3, 3],
        [None, None, None, 1, 1],
    ]
    assert table.index.tolist() == ["forget", "retain", "holdout"]
