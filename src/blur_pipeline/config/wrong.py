"""The first thing that pydantic finds wrong with parameters, as a sentence about them can say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError


@dataclass(frozen=True)
class Wrong:
    """``says`` begins in lower case and ends without a full stop; ``others`` is how many keys more are wrong."""

    key: str
    unknown: bool
    says: str
    given: Any
    others: int


def first_wrong(error: ValidationError, raw: Any) -> Wrong:
    """Of what was found in ``raw``, which tells names from the kinds of choices that pydantic puts between them."""
    errors = error.errors()
    # An infinite number is not all else either that a value might have been.
    first = next((wrong for wrong in errors if wrong["type"] == "finite_number"), errors[0])
    key = _key(first["loc"], raw)
    others = {_key(wrong["loc"], raw) for wrong in errors} - {key}
    message = first["msg"].removeprefix("Value error, ").partition("\n")[0].removesuffix(".")
    says = message[:1].lower() + message[1:]
    return Wrong(key, first["type"] == "extra_forbidden", says, first["input"], len(others))


def _key(loc: tuple[str | int, ...], raw: Any) -> str:
    """The dotted name as a user writes it, without the kind in ``models.base.fresh.heads``.

    Nor does it say what a value might have been, ``level.float``: below what is no block stands no name, but a place
    in a list that was written as a text of numbers.
    """
    parts = []
    for i, part in enumerate(loc):
        there = (isinstance(raw, dict) and part in raw) or (isinstance(raw, list | str) and isinstance(part, int))
        if there or (i == len(loc) - 1 and isinstance(raw, dict) and raw.get("kind") != part):
            parts.append(str(part))
            raw = raw[part] if there and (isinstance(raw, dict) or part < len(raw)) else None
    return ".".join(parts)
