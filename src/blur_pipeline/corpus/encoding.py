"""Texts become token ids: what a tokenizer puts before a text, and never what it may put behind one."""

from __future__ import annotations

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


def opened(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The text's ids after what opens it."""
    return [*opening(tokenizer), *tokenizer(text, add_special_tokens=False)["input_ids"]]
