"""Documents are cut into blocks of tokens: learnt one by one, and looked at one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from blur_pipeline.corpus.encoding import letters, opening

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def said_of(row: tuple, name: str) -> Any:
    """What a row's source says of its documents; None where it says nothing."""
    value = getattr(row, name, None)
    return None if value is None or pd.isna(value) else value


def cut(text: str, row: tuple, tokenizer: PreTrainedTokenizerBase, max_length: int, ends: bool) -> list[list[int]]:
    """All blocks of a document of ``row``, of ``max_length`` tokens or of the fewer that its source wants.

    Each begins with what the tokenizer opens a text with, if anything; where it ``ends`` the last ends with
    end-of-sequence.
    """
    first = opening(tokenizer)
    ids = letters(text, tokenizer) + [tokenizer.eos_token_id] * ends
    room = min(max_length, said_of(row, "max_tokens") or max_length) - len(first)
    return [[*first, *ids[start : start + room]] for start in range(0, len(ids), room)]


def usable(blocks: list[list[int]], row: tuple) -> list[list[int]]:
    """Those in which something can be predicted, all or as many as the row's source wants."""
    return [block for block in blocks if len(block) > 1][: said_of(row, "max_blocks")]


def spread(blocks: int, wanted: int | None) -> list[int]:
    """Which of so many blocks to look at: at most ``wanted``, evenly from the first on. 2 of 5: 0 and 2."""
    count = min(blocks, wanted or blocks)
    return [i * blocks // count for i in range(count)]


def share_looked_at(
    rows: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, max_length: int, wanted: int | None
) -> float:
    """Of the tokens of the documents in ``rows``, those that ``wanted`` blocks of each hold; 1 where there is none."""
    looked_at = whole = 0
    for row in rows[rows["question"].isna()].itertuples() if wanted else ():
        sizes = [len(block) for block in usable(cut(row.answer, row, tokenizer, max_length, ends=False), row)]
        whole += sum(sizes)
        looked_at += sum(sizes[b] for b in spread(len(sizes), wanted))
    return looked_at / whole if whole else 1.0
