"""Unicode normalisation, empty rows and duplicates within a set."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pandas as pd

from blur_pipeline.config.errors import BadInputError

Normalisation = Literal["NFC", "NFKC", "none"]


def normalise(text: str | None, form: Normalisation) -> str | None:
    """``text`` in a Unicode normal form, without surrounding white space; None stays None."""
    if text is None or pd.isna(text):
        return None
    text = text.replace("\r\n", "\n")
    return (text if form == "none" else unicodedata.normalize(form, text)).strip()


def clean_rows(rows: pd.DataFrame, form: Normalisation, keys: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that can be used, and the dropped ones with a ``reason``: ``empty`` or ``duplicate``.

    A row is a duplicate if all ``keys`` agree with an earlier one, letter case aside.
    """
    rows = rows.copy()
    texts = ["question", "answer", "paraphrased_question", "paraphrased_answer", "alternative_answer", "fact"]
    for column in texts:
        rows[column] = pd.Series([normalise(t, form) for t in rows[column]], dtype=object, index=rows.index)
    rows["perturbed_answer"] = pd.Series(
        [[normalise(t, form) for t in wrong] for wrong in rows["perturbed_answer"]],
        dtype=object,
        index=rows.index,
    )
    asked = rows["question"].map(lambda q: q != "").astype(bool)
    answered = rows["answer"].map(bool).astype(bool)
    folded = rows[keys].map(lambda t: t.casefold() if isinstance(t, str) else "")
    reason = pd.Series("", index=rows.index, dtype=object)
    reason[folded.duplicated()] = "duplicate"
    reason[~(asked & answered)] = "empty"
    dropped = rows[reason != ""].assign(reason=reason[reason != ""])
    return rows[reason == ""].reset_index(drop=True), dropped.reset_index(drop=True)


def require_rows(count: int, set_name: str) -> None:
    """Raises BadInputError where nothing is left of a set that is needed."""
    if not count:
        raise BadInputError(
            f"The {set_name} set is empty after curation: every row was empty, a duplicate, over-long or "
            "overlapping; check its source and the curation parameters."
        )
