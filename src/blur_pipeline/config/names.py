"""A name that is not known, and what is known instead."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def instead(name: str, known: Collection[str], otherwise: str | None = None) -> str:
    """How a sentence about an unknown name goes on: the nearest one, ``otherwise``, or all of them."""
    if near := get_close_matches(name, known, n=1):
        return f"did you mean '{near[0]}'?"
    return otherwise or f"there are {', '.join(sorted(known))}."
