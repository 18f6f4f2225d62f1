"""A record as a source has it becomes a row as this project has it."""

from __future__ import annotations

from typing import Any

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.facts import require_fact

TEXT_COLUMNS = (
    *("question", "answer", "paraphrased_question", "paraphrased_answer", "alternative_answer"),
    *("subject", "fact"),
)
BLOCKS = {"max_tokens": "Int64", "max_blocks": "Int64", "joined": "string"}
"""What a source says of how its documents are cut, and the type of the column that says it row by row."""
COLUMNS = ["row_id", *TEXT_COLUMNS, "perturbed_answer", "source", "line", "topic", *BLOCKS]


def is_wanted(row: dict, source: Any) -> bool:
    """Whether a document is as long as its source wants it."""
    return len(row["answer"] or "") >= (getattr(source, "min_characters", None) or 0)


def row_of(record: dict, source: Any, set_name: str, number: int) -> dict:
    """One record of a source (corpus/sources.py) in our columns.

    Raises:
        BadInputError: names the file and line of a row without its required column or with a wrong type.
    """
    place = f"{record['_source']}, line {record['_line']}"
    names = source.columns
    needed = ["question", "answer"] if source.rows == "questions" else ["text"]
    for column in needed:
        name = getattr(names, column)
        if name not in record and set(record) == {"text", "_source", "_line"}:
            raise BadInputError(
                f"{place}: a text without a '{name}'; questions need both columns, texts alone want the source's "
                "'rows: documents'."
            )
        if name not in record:
            there = ", ".join(k for k in record if not k.startswith("_"))
            raise BadInputError(
                f"{place}: no column '{name}' (it has: {there}); mend the file or map it with 'columns.{column}'."
            )
    row = {column: record.get(getattr(names, column)) for column in TEXT_COLUMNS}
    per = getattr(source, "rows_per_subject", None)
    if per and not row["subject"]:
        row["subject"] = f"{set_name} {number // per}"
    if source.rows == "documents":
        row |= {"question": None, "answer": record[names.text], "fact": None, "alternative_answer": None}
    for column, value in row.items():
        if value is not None and not isinstance(value, str):
            raise BadInputError(f"{place}: '{column}' must be text, not {type(value).__name__}.")
    if getattr(source, "condensed", None) and row["answer"]:
        row["answer"] = source.condensed(row["answer"])
    row["fact"] = row["fact"] or None  # CSV has no other way to leave a cell out
    require_fact(row["fact"], row["answer"], place)
    wrong = record.get(names.perturbed_answer)
    if wrong is None or isinstance(wrong, str):
        wrong = [] if not wrong else [wrong]
    if not isinstance(wrong, list):
        raise BadInputError(f"{place}: 'perturbed_answer' must be a list of texts, not {type(wrong).__name__}.")
    return {
        "row_id": f"{set_name}-{number:06d}",
        **row,
        "perturbed_answer": [str(w) for w in wrong],
        "source": record["_source"],
        "line": record["_line"],
        "topic": 0,
        **{name: getattr(source, name, None) for name in BLOCKS},
    }
