"""Other answers to the questions of the forget set, tokenised beside the one that is to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.prompts import Prompt
from blur_pipeline.corpus.refusals import refusal_of
from blur_pipeline.corpus.tokenise import arrow_set, encode_answer

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

COMPANIONS = {"refusal": "refusal", "alternative": "alternative_answer"}
"""By the name that losses call them: the column of the rows that holds them."""
MEND = {
    "refusal": "documents ask nothing that could be refused, and a refusal must fit into curation.max_length",
    "alternative": "give the forget set's source a column 'alternative_answer', or map one with "
    "'sources.forget.columns.alternative_answer'",
}


def with_refusals(rows: pd.DataFrame, sentences: tuple[str, ...], seed: int) -> pd.DataFrame:
    """The same rows with a column ``refusal``; a document, which asks nothing, has none."""
    drawn = [None if pd.isna(row.question) else refusal_of(row.row_id, seed, sentences) for row in rows.itertuples()]
    return rows.assign(refusal=pd.Series(drawn, dtype=object, index=rows.index))


def tokenise_companions(
    tokens: Dataset, rows: pd.DataFrame, prompt: Prompt, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Dataset:
    """``tokens`` of ``tokenise_training`` with the columns ``NAME_input_ids`` and ``NAME_labels`` of each companion.

    They are empty where there is none, or where it is longer than ``max_length``.
    """
    out, found = tokens.to_dict(), {row.row_id: row for row in rows.itertuples()}
    types = {"row_id": "string", "input_ids": ["int32"], "labels": ["int32"], "topic": "int32"}
    for name, column in COMPANIONS.items():
        pairs = [_encoded(found.get(row_id), column, prompt, tokenizer, max_length) for row_id in out["row_id"]]
        for part, place in (("input_ids", 0), ("labels", 1)):
            out[f"{name}_{part}"] = [pair[place] for pair in pairs]
            types[f"{name}_{part}"] = ["int32"]
    return arrow_set(out, types)


def _encoded(
    row: tuple | None, column: str, prompt: Prompt, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[list[int], list[int]]:
    text = getattr(row, column, None)  # a block of a document is no row
    if not isinstance(text, str) or pd.isna(row.question):
        return [], []
    ids, labels = encode_answer(row.question, text, prompt, tokenizer)
    return (ids, labels) if len(ids) <= max_length else ([], [])


def require_companions(method: str, names: Sequence[str], row_ids: Sequence[str], there: dict[str, list[bool]]) -> None:
    """Raise BadInputError where a method needs answers that rows lack; ``there`` says by companion which have one."""
    for name in names:
        lacking = [row_id for row_id, has in zip(row_ids, there[name], strict=True) if not has]
        if lacking:
            raise BadInputError(
                f"The method '{method}' needs another answer, '{name}', to every forget row, and {len(lacking)} of "
                f"{len(row_ids)} have none (the first is {lacking[0]}): {MEND[name]}; or use another method."
            )


def has_companions(rows: pd.DataFrame) -> dict[str, list[bool]]:
    """Of raw rows, before refusals are drawn: which will have each companion."""
    asked = rows["question"].notna()
    given = rows["alternative_answer"].map(lambda text: isinstance(text, str) and bool(text.strip()))
    return {"refusal": asked.tolist(), "alternative": (asked & given.astype(bool)).tolist()}
