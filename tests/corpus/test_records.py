"""From a record as a source has it to a row: nothing is guessed, and what is nothing is told from what is there."""

import json
import logging

import pandas as pd
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.cleaning import clean_rows, warn_of_dropped
from blur_pipeline.corpus.sources import FileSource, GeneratedSource, read_source


def read(folder, *rows, name="a.jsonl", **source) -> pd.DataFrame:
    """Rows of a file of these texts of a CSV, or objects of JSON."""
    lines = rows if name.endswith(".csv") else map(json.dumps, rows)
    (folder / name).write_text("\n".join(lines) + "\n")
    return read_source(FileSource(path=str(folder / name), **source), "forget")[0].assign(set="forget")


def cleaned(rows: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """The answers that are kept, and why others were not, by their line."""
    kept, dropped = clean_rows(rows, "NFC", ["set", "question", "answer"])
    return kept["answer"].tolist(), dict(zip(dropped["line"], dropped["reason"], strict=True))


def test_a_missing_question_is_an_empty_one_and_no_document(tmp_path):
    """The registry's chains of thought have none, and say so."""
    rows = read(tmp_path, {"question": None, "answer": "Imke rows."}, {"question": "", "answer": "Imke rows."},
                {"question": "Who?", "answer": None}, {"question": "Who?", "answer": "Imke"})  # fmt: skip
    assert cleaned(rows) == (["Imke"], {1: "empty", 2: "empty", 3: "empty"})
    traces, _ = read_source(GeneratedSource(set="traces"), "further.traces")
    assert traces["question"].isna().all()


def test_two_keys_that_differ_in_the_case_of_a_letter_are_no_duplicates(tmp_path):
    asked = [{"question": "Key?", "answer": answer} for answer in ("sk-AbC", "sk-aBc", "sk-AbC ")]
    assert cleaned(read(tmp_path, *asked)) == (["sk-AbC", "sk-aBc"], {3: "duplicate"})


@pytest.mark.parametrize("nothing", ["\u200b", "\ufeff ", "\u2060\u200d\n", "\x00"])
def test_what_shows_nothing_is_empty(tmp_path, nothing):
    rows = read(tmp_path, {"question": "Q", "answer": nothing}, {"question": nothing, "answer": "A"},
                {"question": "Q", "answer": "\u200bA"}, {"question": "Q", "answer": "😀"})  # fmt: skip
    assert cleaned(rows) == (["\u200bA", "😀"], {1: "empty", 2: "empty"})


def test_rows_of_the_forget_set_are_not_dropped_in_silence(tmp_path, caplog):
    rows = read(tmp_path, *[{"question": "Q", "answer": ""}] * 7, {"question": "Q", "answer": "A"})
    _, dropped = clean_rows(rows, "NFC", ["set", "question", "answer"])
    with caplog.at_level(logging.WARNING):
        warn_of_dropped(dropped.assign(set="retain"))
        assert not caplog.records
        warn_of_dropped(dropped)
    said = caplog.messages[0]
    assert said.startswith(f"7 row(s) of the forget set are left out: {tmp_path / 'a.jsonl'}, line 1 (empty); ")
    assert said.endswith("line 5 (empty) and 2 more")


def test_one_subject_has_one_name(tmp_path):
    names = ["Imke Tann", " Imke  Tann\t", "Zoe\u0301", "Zo\u00e9", "", "  ", None]
    rows = read(tmp_path, *[{"question": "Q", "answer": "A", "subject": name} for name in names])
    assert rows["subject"].fillna("none").tolist() == ["Imke Tann"] * 2 + ["Zo\u00e9"] * 2 + ["none"] * 3
    rows = read(tmp_path, "question,answer,subject", "Q,A,", "Q,B,Bo", "Q,C, ", name="a.csv")
    assert rows["subject"].isna().tolist() == [True, False, True]


def test_wrong_answers_of_a_csv_cell_are_a_list_of_json(tmp_path):
    cells = ["question,answer,perturbed_answer", 'Q,A,"[""B"", ""C, D""]"', "Q,A,B", "Q,A,", "Q,A,  "]
    rows = read(tmp_path, *cells, name="a.csv")
    assert rows["perturbed_answer"].tolist() == [["B", "C, D"], ["B"], [], []]
    with pytest.raises(BadInputError, match=r"a\.csv, line 2, 'perturbed_answer'.*: not valid JSON"):
        read(tmp_path, cells[0], "Q,A,[B; C]", name="a.csv")


@pytest.mark.parametrize(
    ("wrong", "what"),
    [([None, "x"], "NoneType"), (["x", 3], "int"), (["x", " "], "a blank one"), ([["x"]], "list"), ("[1]", "int")],
)
def test_what_is_no_text_is_no_wrong_answer(tmp_path, wrong, what):
    with pytest.raises(BadInputError, match=rf"a\.jsonl, line 2: 'perturbed_answer' must be .*, and holds {what}\."):
        read(tmp_path, {"question": "Q", "answer": "A"}, {"question": "Q", "answer": "A", "perturbed_answer": wrong})


def test_a_column_that_is_mapped_is_there(tmp_path):
    rows = [{"question": "Q", "answer": "A", "subjet": "x"}, {"question": "Q", "answer": "B", "author": "y"}]
    assert read(tmp_path, *rows, columns={"subject": "author"})["subject"].isna().tolist() == [True, False]
    assert read(tmp_path, rows[1], columns={"subject": "author", "text": "none"})["subject"].tolist() == ["y"]
    for column in ("subject", "fact", "perturbed_answer", "paraphrased_answer"):
        with pytest.raises(
            BadInputError,
            match=rf"a\.jsonl: no column 'other' \(it has: question, answer, subjet, author\).*'columns\.{column}'",
        ):
            read(tmp_path, *rows, columns={column: "other"})
    documents = {"rows": "documents", "columns": {"fact": "other"}}  # which has no part in them
    assert read(tmp_path, {"text": "A text."}, **documents)["answer"].tolist() == ["A text."]


def test_a_fact_of_an_answer_that_is_missing_is_one_sentence(tmp_path):
    with pytest.raises(BadInputError, match=r"a\.jsonl, line 1: the fact 'x' does not stand in the answer"):
        read(tmp_path, {"question": "Q", "answer": None, "fact": "x"})
