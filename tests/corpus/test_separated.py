"""CSV and TSV: no cell may move, and every record is named by the line in the file on which it begins."""

import pandas as pd
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.files import read_file
from blur_pipeline.corpus.sources import FileSource, read_source


def read(folder, text, name="a.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return read_file(path, "tsv" if name.endswith(".tsv") else "csv", encoding)


@pytest.mark.parametrize(
    ("text", "line", "cells"),
    [
        ("question,answer\nWho?,Imke, of Oslo\nWhere?,Oslo\nWhen?,May\n", 2, "3 cells where the header has 2 columns"),
        ("question,answer\nWhere?,Oslo\nWho?,Imke, of Oslo\n", 3, "3 cells"),
        ("question,answer\nWho?,Imke, of Oslo\nWhere?,In Oslo, Norway\n", 2, "3 cells"),
        ("question,answer\nWho?,Imke,\nWhere?,Oslo,\n", 2, "3 cells"),
        ("question,answer,subject\nWho?,Imke\nWhere?,Oslo,x\n", 2, "2 cells where the header has 3 columns"),
        ('question,answer\n"Who\n\nis it?",Imke\n\nWhere?\n', 6, "1 cell where"),
    ],
)
def test_a_record_of_another_width_is_named_by_its_line(tmp_path, text, line, cells):
    with pytest.raises(BadInputError, match=rf"a\.csv, line {line}: {cells}.*quotation marks"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("question,answer,answer\nQ,A,B\n", "line 1: 2 columns are called 'answer'; give each a name"),
        ("question;answer\nQ;A, B\n", "line 1: columns between semicolons; save it with commas"),
        ('question,answer\nQ1,A\nQ2,"A\nQ3,B\n', "not valid CSV .*begins on line 3.*quotation mark"),
        ('question,answer\nQ1,"A" or B\n', "not valid CSV .*begins on line 2"),
        ("\n \n", "not valid CSV"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, text, said):
    with pytest.raises(BadInputError, match=said):
        read(tmp_path, text)


def test_a_record_over_several_lines_does_not_move_the_lines_of_later_ones(tmp_path):
    text = '\ufeff"question",answer\r\n"Q\r\n1\r\n2","A ""b"", c"\r\n\r\n   \r\nQ2,"B\n"\r\n'
    assert read(tmp_path, text) == [
        (2, {"question": "Q\r\n1\r\n2", "answer": 'A "b", c'}),
        (7, {"question": "Q2", "answer": "B\n"}),
    ]
    (tmp_path / "b.csv").write_text('question,answer,fact\n"Q\n1\n2",A,A\nQ2,B,zzz\n')
    with pytest.raises(BadInputError, match=r"b\.csv, line 5: the fact 'zzz'"):
        read_source(FileSource(path=str(tmp_path / "b.csv")), "forget")


def test_encodings_empty_cells_long_cells_and_tables_with_row_numbers(tmp_path):
    long = "x" * 200_000
    assert read(tmp_path, f"question,answer\né,{long}\n,\n", encoding="utf-16") == [
        (2, {"question": "é", "answer": long}),
        (3, {"question": "", "answer": ""}),
    ]
    assert read(tmp_path, "question\tanswer\nQ, q\tA\n", "a.tsv") == [(2, {"question": "Q, q", "answer": "A"})]
    pd.DataFrame({"question": ["Q"], "answer": ["A"]}).to_csv(tmp_path / "numbered.csv")
    rows, _ = read_source(FileSource(path=str(tmp_path / "numbered.csv")), "forget")
    assert rows[["question", "answer", "line"]].values.tolist() == [["Q", "A", 2]]


def test_real_tables_are_read_as_pandas_reads_them(benchdata):
    for name in ("strongreject/strongreject_dataset.csv", "jbb/harmful_behaviors_goals.csv"):
        path = benchdata / name
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        assert [row for _, row in read_file(path, "csv", "utf-8")] == frame.to_dict("records")
