"""Rows that chose a method are never the rows it is reported on."""

import pandas as pd
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.metrics.halves import half_of_questions, half_of_subjects


def asked(**subjects: list[str]) -> pd.DataFrame:
    """Three rows about each subject of each set, subjects by turns."""
    rows = [(name, f"{name}{s}{i}", s) for name, named in subjects.items() for i in range(3) for s in named]
    return pd.DataFrame(rows, columns=["set", "row_id", "subject"])


def halves(examples: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return half_of_subjects(examples, "tuning"), half_of_subjects(examples, "reporting")


def test_the_two_halves_are_all_and_share_no_subject_not_even_across_sets():
    examples = asked(forget=list("abcdefg"), knowmem=list("cdefxyz"), world=list("uvw"))
    one, other = halves(examples)
    assert not set(one["subject"]) & set(other["subject"])
    assert sorted([*one["row_id"], *other["row_id"]]) == sorted(examples["row_id"])
    assert half_of_subjects(examples, "all") is examples


@pytest.mark.parametrize("count", [2, 3, 8, 41])
def test_each_set_is_split_evenly_whatever_the_names(count):
    one, other = halves(asked(forget=[f"person {i}" for i in range(count)], retain=[f"{i}" for i in range(count)]))
    for name in ("forget", "retain"):
        sizes = [part.loc[part["set"] == name, "subject"].nunique() for part in (one, other)]
        assert sum(sizes) == count
        assert max(sizes) - min(sizes) <= 1


def test_the_halves_are_the_same_for_rows_in_any_order_and_any_number():
    examples = asked(forget=list("abcdefgh"))
    wanted = set(half_of_subjects(examples, "tuning")["subject"])
    assert set(half_of_subjects(examples.sample(frac=1, random_state=3), "tuning")["subject"]) == wanted
    assert set(half_of_subjects(examples.drop_duplicates("subject"), "tuning")["subject"]) == wanted


def test_a_set_about_one_subject_cannot_be_split():
    with pytest.raises(BadInputError, match="the set 'retain' has too few subjects"):
        halves(asked(forget=["a", "b"], retain=["c"]))


def test_questions_without_a_subject_are_split_one_by_one():
    answers = pd.DataFrame({"task": list("aaabbbb"), "metric": "acc", "value": range(7)})
    one, other = (half_of_questions(answers, ["task", "metric"], half) for half in ("tuning", "reporting"))
    assert one["value"].tolist() == [0, 2, 3, 5]
    assert other["value"].tolist() == [1, 4, 6]


def test_rows_of_one_question_go_to_one_half():
    """Three of its filters or instructions are no three questions; another part's first question is another one."""
    rows = [("a", 0), ("a", 0), ("a", 1), ("b", 0), ("b", 0), ("b", 1), ("b", 2)]
    answers = pd.DataFrame(rows, columns=["part", "question"]).assign(task="t", metric="acc", value=range(7))
    by, each = ["task", "metric"], ["part", "question"]
    one, other = (half_of_questions(answers, by, half, each) for half in ("tuning", "reporting"))
    assert one["value"].tolist() == [0, 1, 3, 4, 6]
    assert other["value"].tolist() == [2, 5]
