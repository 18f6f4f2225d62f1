"""Prompts that somebody wrote, or had written, for the questions that are attacked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from blur_pipeline.config.errors import BadInputError

FORM = "file"


class OwnPrompt(NamedTuple):
    """What is asked in the place of a question, which is named by its row or by its words."""

    prompt: str
    form: str
    row_id: str | None
    question: str | None

    def asks(self, row: Any) -> bool:
        """Whether it is meant for this row."""
        return row.row_id == self.row_id if self.row_id is not None else row.question == self.question


def read_own_prompts(path: str) -> list[OwnPrompt]:
    """The prompts of a JSON Lines file: objects with ``prompt`` and with ``row_id`` or ``question``.

    An object may have a ``form`` beside, a name such as ``german``: prompts of different forms are asked apart.

    Raises:
        BadInputError: the file is not there, or one of its lines lacks what it needs.
    """
    from blur_pipeline.corpus.files import existing, read_file

    if not existing(Path(path)) or not Path(path).is_file():
        raise BadInputError(f"{path}: no such file; mend the 'path' of the attack that asks its prompts.")
    found = [_read(f"{path}, line {line}", row) for line, row in read_file(Path(path), "jsonl", "utf-8")]
    if not found:
        raise BadInputError(
            f"{path}: no line at all; give one object a line, with 'row_id' or 'question' and 'prompt'."
        )
    return found


def _read(place: str, row: dict) -> OwnPrompt:
    known = ("prompt", "form", "row_id", "question")
    said = {name: row.get(name) for name in known}
    for name, value in said.items():
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise BadInputError(f"{place}: '{name}' is no text; give one, or leave it out.")
    if said["prompt"] is None or (said["row_id"] is None and said["question"] is None):
        lacking = "prompt" if said["prompt"] is None else "row_id' or 'question"
        raise BadInputError(f"{place}: no '{lacking}' (it has: {', '.join(row)}).")
    form = said["form"]
    return OwnPrompt(said["prompt"], FORM if form is None else f"{FORM} {form}", said["row_id"], said["question"])
