"""Unicode normalisation, empty rows and duplicates within a set."""

from __future__ import annotations

import logging
import unicodedata
from typing import Literal

import pandas as pd

from blur_pipeline.config.errors import BadInputError

Normalisation = Literal["NFC", "NFKC", "none"]
SHOWN = 5
log = logging.getLogger(__name__)


def normalise(text: str | None, form: Normalisation) -> str | None:
    """``text`` in a Unicode normal form, without surrounding white space; None stays None."""
    if text is None or pd.isna(text):
        return None
    text = text.replace("\r\n", "\n")
    return (text if form == "none" else unicodedata.normalize(form, text)).strip()


def clean_rows(rows: pd.DataFrame, form: Normalisation, keys: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that can be used, and the dropped ones with a ``reason``: ``empty`` or ``duplicate``.

    A row is a duplicate if all ``keys`` agree with an earlier one, letter for letter: two keys or passwords may differ
    in the case of one. It is empty if its answer, or its question where it has one, shows nothing.
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
    asked = rows["question"].map(lambda q: q is None or is_visible(q)).astype(bool)
    answered = rows["answer"].map(is_visible).astype(bool)
    same = rows[keys].map(lambda t: t if isinstance(t, str) else "")
    reason = pd.Series("", index=rows.index, dtype=object)
    reason[same.duplicated()] = "duplicate"
    reason[~(asked & answered)] = "empty"
    dropped = rows[reason != ""].assign(reason=reason[reason != ""])
    return rows[reason == ""].reset_index(drop=True), dropped.reset_index(drop=True)


def is_visible(text: str | None) -> bool:
    """Whether a text holds more than white space, controls and marks of no width, such as U+200B and U+FEFF."""
    return any(unicodedata.category(letter) not in ("Cc", "Cf", "Zs", "Zl", "Zp") for letter in text or "")


def warn_of_dropped(dropped: pd.DataFrame) -> None:
    """Name the rows of the forget set that cleaning has ``dropped``: what is left out is never unlearned."""
    forget = dropped[dropped["set"] == "forget"]
    if forget.empty:
        return
    shown = [f"{row.source}, line {row.line} ({row.reason})" for row in forget.head(SHOWN).itertuples()]
    more = f" and {len(forget) - SHOWN} more" if len(forget) > SHOWN else ""
    log.warning("%d row(s) of the forget set are left out: %s%s", len(forget), "; ".join(shown), more)


def require_rows(count: int, set_name: str) -> None:
    """Raises BadInputError where nothing is left of a set that is needed."""
    if not count:
        raise BadInputError(
            f"The {set_name} set is empty after curation: every row was empty, a duplicate, over-long or "
            "overlapping; check its source and the curation parameters."
        )
