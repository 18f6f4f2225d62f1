"""Rows become token ids with labels on the answers only; documents become blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pandas as pd

from blur_pipeline.corpus.encoding import opened, opening
from blur_pipeline.corpus.facts import ABSENT, fact_tokens, require_fact
from blur_pipeline.corpus.prompts import Prompt

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
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
    """``input_ids`` and ``labels`` of prompt, answer and end-of-sequence; without a question all is supervised.

    Prompt and answer are tokenised apart, so that training sees the very prompt that generation gives.
    """
    if question is None:
        ids = [*opened(answer, tokenizer), tokenizer.eos_token_id]
        return ids, list(ids)
    asked = prompt.prompt(question, tokenizer)
    answered = tokenizer(prompt.answer_prefix + answer, add_special_tokens=False)["input_ids"]
    answered.append(tokenizer.eos_token_id)
    return asked + answered, [IGNORED] * len(asked) + answered


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
            blocks = _blocks(row, tokenizer, max_length)
            pieces = [(f"{row.row_id}/{b}", ids, ids) for b, ids in enumerate(blocks)]
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
    kind = lambda row: (_said(row, "joined"), _said(row, "set"), int(row.topic))
    for (joined, *_), several in groupby(rows.itertuples(), kind):
        if joined is None:
            yield from several
        else:
            first, *others = several
            yield first._replace(answer=joined.join(row.answer for row in (first, *others)))


def _blocks(row: tuple, tokenizer: PreTrainedTokenizerBase, max_length: int) -> list[list[int]]:
    first = opening(tokenizer)
    ids = tokenizer(row.answer, add_special_tokens=False)["input_ids"]
    if _said(row, "joined") is None:
        ids.append(tokenizer.eos_token_id)
    room = _block(row, max_length) - len(first)
    cut = [[*first, *ids[start : start + room]] for start in range(0, len(ids), room)]
    return [block for block in cut if len(block) > 1][: _said(row, "max_blocks")]


def tokenise_evaluation(
    rows: pd.DataFrame,
    prompt: Prompt,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    set_prompts: Mapping[str, Prompt] | None = None,
) -> tuple[Dataset, pd.DataFrame]:
    """Everything to score, one line per row and variant of its answer; and the rows left out, with their ``tokens``.

    A row is left out with all its variants where the question with one of them is over ``max_length`` tokens.

    ``variant`` is ``answer``, ``paraphrase`` or ``perturbed_k``. Columns: ``set, row_id, variant, text,
    scored_text, ends, fact_start, fact_end, input_ids, labels``: ``scored_text`` is what was read of a text that was
    cut, else null; ``ends`` whether the end-of-sequence token is there; the next two which supervised tokens
    ``[start, end)`` of the plain answer hold its fact, −1 where none is marked. A document is scored by its first
    ``max_length`` tokens, or the fewer that its source wants, without an end-of-sequence token (as open-unlearning and
    MUSE score theirs).
    """
    out: dict[str, list] = {n: [] for n in EVALUATION_COLUMNS}
    long = pd.Series(0, index=rows.index)
    for row in rows.itertuples():
        asked = (set_prompts or {}).get(row.set, prompt)
        lines = _lines(row, asked, tokenizer, max_length)
        longest = max((len(line[-1]) for line in lines), default=0)
        if longest > max_length:
            long[row.Index] = longest
            continue
        for line in lines:
            for name, value in zip(out, line, strict=True):
                out[name].append(value)
    return arrow_set(out, EVALUATION_COLUMNS), rows[long > 0].assign(tokens=long[long > 0])


def _lines(row: tuple, asked: Prompt, tokenizer: PreTrainedTokenizerBase, max_length: int) -> list[tuple]:
    """A value of each of ``EVALUATION_COLUMNS`` per variant of a row's answer; documents are cut, questions are not."""
    question, lines = None if pd.isna(row.question) else row.question, []
    variants = [("answer", row.answer), ("paraphrase", row.paraphrased_answer)]
    variants += [(f"perturbed_{k}", wrong) for k, wrong in enumerate(row.perturbed_answer)]
    for variant, text in variants:
        if not isinstance(text, str) or not text:
            continue
        ids, labels = encode_answer(question, text, asked, tokenizer)
        read = None
        if question is None:
            ids = ids[:-1]
            seen = ids[: _block(row, max_length)]
            read = tokenizer.decode(seen, skip_special_tokens=True) if len(ids) > len(seen) else None
            ids = labels = seen
        fact = _fact(row, asked, tokenizer) if variant == "answer" else ABSENT
        lines.append((row.set, row.row_id, variant, text, read, question is not None, *fact, ids, labels))
    return lines


def _block(row: tuple, max_length: int) -> int:
    return min(max_length, _said(row, "max_tokens") or max_length)


def _said(row: tuple, name: str) -> Any:
    """What a row's source says of its documents; None where it says nothing."""
    value = getattr(row, name, None)
    return None if value is None or pd.isna(value) else value


def _fact(row: tuple, prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    if pd.isna(row.question) or pd.isna(row.fact) or not row.fact:
        return ABSENT
    require_fact(row.fact, row.answer, f"{row.source}, line {row.line}")  # Unicode forms may have parted the two
    return fact_tokens(row.fact, row.answer, prompt.answer_prefix, tokenizer)


def arrow_set(columns: dict[str, list], types: Mapping[str, str | list[str]]) -> Dataset:
    """An Arrow set of columns with these types; a list of one type is a list of such values."""
    from datasets import Dataset, Features, Sequence, Value

    features = {n: Sequence(Value(t[0])) if isinstance(t, list) else Value(t) for n, t in types.items()}
    return Dataset.from_dict(columns, features=Features(features))
