"""A record as a source has it becomes a row as this project has it."""

from __future__ import annotations

import unicodedata
from typing import Any

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.facts import require_fact
from blur_pipeline.corpus.files import parse_json

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


def require_mapped(records: list[dict], source: Any) -> None:
    """Raises BadInputError where a source names a column that none of its records has.

    Those that every row must have are looked at row by row, and what belongs to a question is not read of documents.
    """
    elsewhere = {"question", "answer", "text"} | (
        {"fact", "alternative_answer"} if source.rows == "documents" else set()
    )
    for column in sorted(source.columns.model_fields_set - elsewhere):
        name = getattr(source.columns, column)
        if records and not any(name in record for record in records):
            there = ", ".join(dict.fromkeys(k for record in records for k in record if not k.startswith("_")))
            raise BadInputError(
                f"{records[0]['_source']}: no column '{name}' (it has: {there}); mend the file or map it with "
                f"'columns.{column}'."
            )


def row_of(record: dict, source: Any, set_name: str, number: int) -> dict:
    """One record of a source (corpus/sources.py) in our columns.

    A question that is missing where rows are questions is an empty one, as in CSV: cleaning drops the row.

    Raises:
        BadInputError: names the file and line of a row without its required column or with a wrong type.
    """
    place = f"{record['_source']}, line {record['_line']}"
    names = source.columns
    _require_columns(record, source, place)
    row = {column: record.get(getattr(names, column)) for column in TEXT_COLUMNS}
    if source.rows == "documents":
        row |= {"question": None, "answer": record[names.text], "fact": None, "alternative_answer": None}
    elif source.kind != "generated" and row["question"] is None:  # the registry's chains of thought have none
        row["question"] = ""
    for column, value in row.items():
        if value is not None and not isinstance(value, str):
            raise BadInputError(f"{place}: '{column}' must be text, not {type(value).__name__}.")
    row["subject"] = subject_of(row["subject"])
    per = getattr(source, "rows_per_subject", None)
    if per and not row["subject"]:
        row["subject"] = f"{set_name} {number // per}"
    if getattr(source, "condensed", None) and row["answer"]:
        row["answer"] = source.condensed(row["answer"])
    row["fact"] = row["fact"] or None  # CSV has no other way to leave a cell out
    require_fact(row["fact"], row["answer"] or "", place)
    return {
        "row_id": f"{set_name}-{number:06d}",
        **row,
        "perturbed_answer": _wrong_answers(record.get(names.perturbed_answer), place),
        "source": record["_source"],
        "line": record["_line"],
        "topic": 0,
        **{name: getattr(source, name, None) for name in BLOCKS},
    }


def subject_of(name: str | None) -> str | None:
    """One name for one subject, however its letters are composed and spaced; None for a blank one."""
    return " ".join(unicodedata.normalize("NFC", name or "").split()) or None


def _require_columns(record: dict, source: Any, place: str) -> None:
    for column in ["question", "answer"] if source.rows == "questions" else ["text"]:
        name = getattr(source.columns, column)
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


def _wrong_answers(found: object, place: str) -> list[str]:
    """A list of texts, as JSON where a cell of CSV has to hold it; a text that is no list is one wrong answer."""
    if isinstance(found, str) and found.lstrip().startswith("["):
        found = parse_json(f"{place}, 'perturbed_answer', which begins as a list does", found)
    elif found is None or isinstance(found, str):
        found = [found] if found and found.strip() else []
    if not isinstance(found, list):
        raise BadInputError(f"{place}: 'perturbed_answer' must be a list of texts, not {type(found).__name__}.")
    for wrong in found:
        if not isinstance(wrong, str) or not wrong.strip():
            what = "a blank one" if isinstance(wrong, str) else type(wrong).__name__
            raise BadInputError(f"{place}: 'perturbed_answer' must be a list of texts, and holds {what}.")
    return found
