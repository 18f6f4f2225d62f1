"""Scores of a retrained model that somebody else ran: whole, and of the very rows that are evaluated."""

import pandas as pd
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.models.sources import SavedScores
from blur_pipeline.scoring.saved import NEEDED, require_rows_of, require_tables

ROWS = [{"set": "forget", "row_id": f"forget-{i}", "variant": "answer", "text": f"text {i}"} for i in range(3)]


def save(folder, rows=ROWS, leave_out=()):
    folder.mkdir(exist_ok=True)
    for table, columns in NEEDED.items():
        empty = {name: [0.0] if name == "logprob" else "" for name in columns}  # a list, as a token score is
        filled = [{**empty, **{k: v for k, v in row.items() if k in columns}} for row in rows]
        pd.DataFrame(filled).drop(columns=list(leave_out), errors="ignore").to_parquet(folder / f"{table}.parquet")
    return SavedScores(folder=str(folder))


def test_the_same_rows_will_do_in_any_order(tmp_path):
    require_rows_of(save(tmp_path / "s", ROWS[::-1]), ROWS)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (ROWS[:2], "1 of the 3 answers of this benchmark were not scored there, such as answer of forget row forget-2"),
        ([*ROWS[:2], {**ROWS[2], "text": "another text"}], "1 of the 3 answers"),
        ([*ROWS, {**ROWS[0], "row_id": "forget-9"}], "scores 1 answers that this benchmark does not hold"),
    ],
)
def test_other_rows_are_refused(tmp_path, rows, sentence):
    with pytest.raises(BadInputError, match=sentence):
        require_rows_of(save(tmp_path / "s", rows), ROWS)


def test_a_missing_table_or_column_is_named(tmp_path):
    saved = save(tmp_path / "s", leave_out=["logprob"])
    with pytest.raises(BadInputError, match=r"token_scores\.parquet: lacks the column\(s\) logprob"):
        require_tables(saved)
    (tmp_path / "s" / "token_scores.parquet").write_text("no table")
    with pytest.raises(BadInputError, match="cannot be read as Parquet"):
        require_tables(saved)
    with pytest.raises(BadInputError, match=r"holds no token_scores\.parquet"):
        require_tables(SavedScores(folder=str(tmp_path)))


def test_answers_of_the_harness_without_their_questions_are_refused(tmp_path):
    """Two filters of one question were two questions there. A table of nothing, as most have it, will do."""
    saved = save(tmp_path / "s")
    earlier = pd.DataFrame({"task": ["gsm8k"], "part": ["gsm8k"], "metric": ["exact_match"], "value": [1.0]})
    earlier.iloc[:0].to_parquet(tmp_path / "s" / "general_answers.parquet")
    require_tables(saved)
    earlier.to_parquet(tmp_path / "s" / "general_answers.parquet")
    with pytest.raises(BadInputError, match=r"general_answers\.parquet: does not say .* take the file away"):
        require_tables(saved)


def test_the_newest_version_of_a_catalogued_table_is_taken(tmp_path):
    for version in ("2026-01-01", "2026-02-01"):
        path = tmp_path / "completions.parquet" / version / "completions.parquet"
        path.parent.mkdir(parents=True)
        path.touch()
    assert "2026-02-01" in str(SavedScores(folder=str(tmp_path)).path("completions"))
    assert SavedScores(folder=str(tmp_path)).path("fluency") is None
