"""Rows become token ids with labels on the answers only; documents become blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

import pandas as pd

from blur_pipeline.corpus.blocks import cut, said_of, spread, usable
from blur_pipeline.corpus.encoding import framed, letters, opening
from blur_pipeline.corpus.facts import ABSENT, fact_tokens, require_fact
from blur_pipeline.corpus.prompts import Prompt

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
SCORED = 3
"""Tokens of a block that is looked at: the first is not predicted, and what counts token by token leaves out the last.
"""
EVALUATION_COLUMNS: dict[str, str | list[str]] = {
    **dict.fromkeys(("set", "row_id", "variant", "text", "scored_text"), "string"),
    "ends": "bool",
    **dict.fromkeys(("fact_start", "fact_end"), "int32"),
    "input_ids": ["int32"],
    "labels": ["int32"],
}
"""Of ``tokenise_evaluation``: names and Arrow types."""


def encode_answer(
    question: str | None, answer: str, prompt: Prompt, tokenizer: PreTrainedTokenizerBase
) -> tuple[list[int], list[int]]:
    """``input_ids`` and ``labels`` of prompt, answer and its end; without a question all is supervised.

    Prompt and answer are tokenised apart, so that training sees the very prompt that generation gives. The end is
    end-of-sequence, before which in a chat stands how its template ends a turn.
    """
    if question is None:
        ids = [*opening(tokenizer), *letters(answer, tokenizer), tokenizer.eos_token_id]
        return ids, list(ids)
    asked = prompt.prompt(question, tokenizer)
    answered = answer_tokens(prompt.answer_prefix, answer, prompt, tokenizer)
    return asked + answered, [IGNORED] * len(asked) + answered


def answer_tokens(before: str, answer: str, prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What is said after ``prompt``: the answer, with what stands before it and belongs to it, and its end."""
    return [*framed(before, answer, "", tokenizer), *prompt.ending(tokenizer)]


def tokenise_training(
    rows: pd.DataFrame, prompt: Prompt, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[Dataset, pd.DataFrame]:
    """Arrow set ``row_id, input_ids, labels, topic``, and the questions left out as over-long, with their ``tokens``.

    A document is cut into blocks of ``max_length`` tokens, or of the fewer that its source wants, named ``row_id/0``,
    ``row_id/1`` …, all or as many as its source wants. Each begins with what the tokenizer opens a text with, if
    anything, as what is scored does; the last ends with end-of-sequence. A block in which nothing could be predicted is
    left out. Documents that their source joins are cut as one text, named by the first, that never ends (as MUSE and
    open-unlearning cut theirs).
    """
    out: dict[str, list] = {"row_id": [], "input_ids": [], "labels": [], "topic": []}
    long: dict[str, int] = {}
    for row in _with_joined(rows):
        if pd.isna(row.question):
            blocks = cut(row.answer, row, tokenizer, max_length, ends=said_of(row, "joined") is None)
            pieces = [(f"{row.row_id}/{b}", ids, ids) for b, ids in enumerate(usable(blocks, row))]
        else:
            ids, labels = encode_answer(row.question, row.answer, prompt, tokenizer)
            pieces = [(row.row_id, ids, labels)]
            if len(ids) > max_length:
                long[row.row_id] = len(ids)
                continue
        for name, ids, labels in pieces:
            out["row_id"].append(name)
            out["input_ids"].append(ids)
            out["labels"].append(labels)
            out["topic"].append(int(row.topic))
    types = {"row_id": "string", "input_ids": ["int32"], "labels": ["int32"], "topic": "int32"}
    tokens = rows["row_id"].map(long)
    return arrow_set(out, types), rows[tokens.notna()].assign(tokens=tokens.dropna().astype(int))


def _with_joined(rows: pd.DataFrame) -> Iterator[tuple]:
    """The rows; documents on end that their source joins are one, each set's and each topic's by themselves."""
    kind = lambda row: (said_of(row, "joined"), said_of(row, "set"), int(row.topic))
    for (joined, *_), several in groupby(rows.itertuples(), kind):
        if joined is None:
            yield from several
        else:
            first, *others = several
            yield first._replace(answer=joined.join(row.answer for row in (first, *others)))


def tokenise_evaluation(
    rows: pd.DataFrame,
    prompt: Prompt,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    set_prompts: Mapping[str, Prompt] | None = None,
    blocks: int | None = None,
) -> tuple[Dataset, pd.DataFrame]:
    """Everything to score, one line per row and variant of its answer, or per block of a document; and the rows left
    out, with their ``tokens``.

    A row is left out with all its variants where the question with one of them is over ``max_length`` tokens.

    ``variant`` is ``answer``, ``paraphrase`` or ``perturbed_k``. Columns: ``set, row_id, variant, text,
    scored_text, ends, fact_start, fact_end, input_ids, labels``: ``scored_text`` is what was read of a text that was
    cut, else null; ``ends`` whether the end-of-sequence token is there; the next two which supervised tokens
    ``[start, end)`` of the plain answer hold its fact, −1 where none is marked.

    A document is scored by the blocks that it is learnt in, without an end-of-sequence token (as open-unlearning and
    MUSE score theirs): all of them, or ``blocks`` of each. They are named ``row_id/0`` … as in training, and have texts
    of their own; where one alone is looked at it has its document's name and text. Further variants of a document stand
    beside the first of them.
    """
    out: dict[str, list] = {n: [] for n in EVALUATION_COLUMNS}
    long = pd.Series(0, index=rows.index)
    for row in rows.itertuples():
        asked = (set_prompts or {}).get(row.set, prompt)
        if pd.isna(row.question):
            lines = _lines_of_document(row, tokenizer, max_length, blocks)
        else:
            lines = _lines(row, asked, tokenizer)
        longest = max((len(line[-1]) for line in lines), default=0)
        if longest > max_length:
            long[row.Index] = longest
            continue
        for line in lines:
            for name, value in zip(out, line, strict=True):
                out[name].append(value)
    return arrow_set(out, EVALUATION_COLUMNS), rows[long > 0].assign(tokens=long[long > 0])


def _lines(row: tuple, asked: Prompt, tokenizer: PreTrainedTokenizerBase) -> list[tuple]:
    """A value of each of ``EVALUATION_COLUMNS`` per variant of a question's answer."""
    lines = []
    for variant, text in _variants(row):
        ids, labels = encode_answer(row.question, text, asked, tokenizer)
        fact = _fact(row, asked, tokenizer) if variant == "answer" else ABSENT
        lines.append((row.set, row.row_id, variant, text, None, True, *fact, ids, labels))
    return lines


def _lines_of_document(
    row: tuple, tokenizer: PreTrainedTokenizerBase, max_length: int, wanted: int | None
) -> list[tuple]:
    """The same per block of a document that is looked at, and of its other variants the first."""
    lines, apart = [], False
    for variant, text in _variants(row):
        whole = cut(text, row, tokenizer, max_length, ends=False)
        blocks = [block for block in usable(whole, row) if len(block) >= SCORED] or whole[:1]
        places = spread(len(blocks), wanted) if variant == "answer" else [0]
        apart |= len(places) > 1
        for b in places:
            seen = tokenizer.decode(blocks[b], skip_special_tokens=True)
            of_it = (f"{row.row_id}/{b}", variant, seen, None)
            of_all = (row.row_id, variant, text, seen if len(whole) > 1 else None)
            lines.append((row.set, *(of_it if apart else of_all), False, *ABSENT, blocks[b], blocks[b]))
    return lines


def _variants(row: tuple) -> list[tuple[str, str]]:
    """The answer, its paraphrase and the wrong ones, of those that are there."""
    variants = [("answer", row.answer), ("paraphrase", row.paraphrased_answer)]
    variants += [(f"perturbed_{k}", wrong) for k, wrong in enumerate(row.perturbed_answer)]
    return [(variant, text) for variant, text in variants if isinstance(text, str) and text]


def _fact(row: tuple, prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    if pd.isna(row.fact) or not row.fact:
        return ABSENT
    require_fact(row.fact, row.answer, f"{row.source}, line {row.line}")  # Unicode forms may have parted the two
    return fact_tokens(row.fact, row.answer, prompt.answer_prefix, tokenizer)


def arrow_set(columns: dict[str, list], types: Mapping[str, str | list[str]]) -> Dataset:
    """An Arrow set of columns with these types; a list of one type is a list of such values."""
    from datasets import Dataset, Features, Sequence, Value

    features = {n: Sequence(Value(t[0])) if isinstance(t, list) else Value(t) for n, t in types.items()}
    return Dataset.from_dict(columns, features=Features(features))
