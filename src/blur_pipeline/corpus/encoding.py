"""Texts become token ids: what a tokenizer puts before a text and never what it may put behind one, and no control
token because a user's text spells it.

A text may hold ``<s>`` as HTML does, or tell how ChatML ends a turn. As control tokens these would open and end turns
inside an example, and be learnt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PROBE = "a"


def opening(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What the tokenizer opens a text with; empty where it opens none.

    Some close a text as well (Llama's with ``add_eos_token``): an end in the middle of an example would be learnt.
    Which of the two stands around nothing cannot be told where both are one token, so that a text is asked.
    """
    if not tokenizer("")["input_ids"]:
        return []
    around, inside = tokenizer(PROBE)["input_ids"], tokenizer(PROBE, add_special_tokens=False)["input_ids"]
    places = range(len(around) - len(inside) + 1)
    return around[: next((i for i in places if around[i : i + len(inside)] == inside), 0)]


def letters(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The ids of a user's text, in which the name of a control token is a word like others."""
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def spells_control(text: str, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the text holds the name of a control token."""
    return letters(text, tokenizer) != tokenizer(text, add_special_tokens=False)["input_ids"]


def framed(before: str, text: str, after: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The ids of a user's text between what a prompt or a template writes, whose control tokens are meant."""
    if not spells_control(text, tokenizer):
        return tokenizer(before + text + after, add_special_tokens=False)["input_ids"]
    control = {str(token): i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    names = re.compile(f"({'|'.join(map(re.escape, sorted(control, key=len, reverse=True)))})")
    head, tail = names.split(before), names.split(after)  # words and names by turns, words at both ends
    pieces = [*head[:-1], head[-1] + text + tail[0], *tail[1:]]
    ids: list[int] = []
    for place, piece in enumerate(pieces):
        ids += [control[piece]] if place % 2 else letters(piece, tokenizer)
    return ids
