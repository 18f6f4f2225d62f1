"""Scores of a model that is not here, such as a retrained model that somebody else can run: are they of our rows?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.models.sources import SavedScores

NEEDED = {
    "token_scores": {"set", "row_id", "variant", "text", "ends", "logprob", "mean", "variance", "correct"},
    "completions": {"set", "row_id", "answer", "completion"},
}


def require_tables(saved: SavedScores) -> None:
    """Raises BadInputError where a table is missing or lacks a column, or the harness's answers name no questions."""
    for table, columns in NEEDED.items():
        path = saved.path(table)
        if path is None:
            raise BadInputError(
                f"{saved.folder}: holds no {table}.parquet; mend 'models.retrained.path' "
                "(an earlier run leaves such tables in data/07_model_output/BENCHMARK/retrained)."
            )
        if lacking := columns - set(_columns(path)[0]):
            raise BadInputError(f"{path}: lacks the column(s) {', '.join(sorted(lacking))}.")
    answers = saved.path("general_answers")
    names, rows = _columns(answers) if answers is not None else ([], 0)
    if rows and "question" not in names:
        raise BadInputError(
            f"{answers}: does not say which of its rows are of one question, which was not kept before; score that "
            "model's 'general.tasks' anew, or take the file away."
        )


def _columns(path: Path) -> tuple[list[str], int]:
    """The names of a table's columns, and how many rows it has."""
    try:
        return pq.read_schema(path).names, pq.read_metadata(path).num_rows
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: cannot be read as Parquet ({first_line(error)}).") from error


def require_rows_of(saved: SavedScores, evaluation_tokens: Iterable[dict[str, Any]]) -> None:
    """Raises BadInputError where other answers were scored than are to be evaluated: their numbers compare ill."""
    require_tables(saved)
    path = saved.path("token_scores")
    columns = pq.read_table(path, columns=["set", "row_id", "variant", "text"])
    have = set(zip(*(columns[name].to_pylist() for name in columns.column_names), strict=True))
    wanted = {(r["set"], r["row_id"], r["variant"], r["text"]) for r in evaluation_tokens}
    if missing := wanted - have:
        example = sorted(missing)[0]
        raise BadInputError(
            f"{path}: {len(missing)} of the {len(wanted)} answers of this benchmark were not scored there, such as "
            f"{example[2]} of {example[0]} row {example[1]}; score the retrained model with the same files and "
            "'curation'."
        )
    if extra := have - wanted:
        raise BadInputError(
            f"{path}: scores {len(extra)} answers that this benchmark does not hold; score the retrained model with "
            "the same files and 'curation'."
        )
