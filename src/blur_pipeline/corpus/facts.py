"""Where the fact stands in an answer: what was asked for, and not the name that the question gives away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from blur_pipeline.config.errors import BadInputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ABSENT = (-1, -1)


def find_fact(fact: str, answer: str) -> tuple[int, int] | None:
    """The characters ``[start, end)`` of the fact's first occurrence, as whole words where there is one.

    The first, since a later one can be copied from it. Inside a word only where it stands nowhere alone, as in
    scripts that put no space between words.
    """
    bounded = re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", answer)
    start = bounded.start() if bounded else answer.find(fact)
    return None if start < 0 else (start, start + len(fact))


def require_fact(fact: str | None, answer: str, place: str) -> None:
    """Raises BadInputError, naming ``place``, where a fact is given that the answer does not hold word for word."""
    if fact is not None and find_fact(fact, answer) is None:
        raise BadInputError(
            f"{place}: the fact {fact[:80]!r} does not stand in the answer; give the words as they stand there, leave "
            "it out, or name another column as 'columns.fact'."
        )


def fact_tokens(fact: str | None, answer: str, before: str, tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """Tokens ``[start, end)`` of ``before + answer`` that overlap the fact; (−1, −1) where there is none.

    A token that holds a character of the fact counts whole, with the space or the full stop that it may hold too.
    Tokenizers that cannot say which characters a token stands for (``is_fast`` false) give (−1, −1).
    """
    if fact is None or not tokenizer.is_fast or (span := find_fact(fact, answer)) is None:
        return ABSENT
    start, end = (place + len(before) for place in span)
    alike = {"add_special_tokens": False, "split_special_tokens": True}  # as encoding.py makes the answer's tokens
    pieces = tokenizer(before + answer, **alike, return_offsets_mapping=True)["offset_mapping"]
    inside = [i for i, (first, last) in enumerate(pieces) if first < end and last > start]
    return (inside[0], inside[-1] + 1) if inside else ABSENT
