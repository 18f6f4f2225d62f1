"""Nodes of the curation pipeline: thin, the work is in ``corpus``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.config.parameters import Parameters
from blur_pipeline.corpus.blocks import share_looked_at
from blur_pipeline.corpus.cleaning import clean_rows, require_rows, warn_of_dropped
from blur_pipeline.corpus.holdout import split_holdout, warn_of_few
from blur_pipeline.corpus.lengths import refuse_long, warn_of_blocks, warn_of_cut_answers
from blur_pipeline.corpus.overlap import find_overlap, resolve_overlap
from blur_pipeline.corpus.selection import evaluation_sets
from blur_pipeline.corpus.separation import set_counts
from blur_pipeline.corpus.sources import Source, empty_rows, read_source
from blur_pipeline.corpus.summary import curation_summary, questions_summary, summary_table
from blur_pipeline.corpus.tokenise import tokenise_evaluation, tokenise_training
from blur_pipeline.models.sources import FreshModel

Frame = pd.DataFrame
ABOUT_FORGET = ("forget", "verbmem", "knowmem_forget")
"""Evaluation sets that ask for what is to be forgotten."""


def read_training_sources(parameters: Parameters) -> tuple[Frame, list[dict]]:
    """All raw rows that models learn from, and the holdout's, named by ``set``; and the inventory of what was read."""
    return read_sources(parameters.sources.of_training())


def read_evaluation_sources(parameters: Parameters) -> tuple[Frame, list[dict]]:
    """All raw rows that models are asked, where a source of their own was given."""
    return read_sources(parameters.sources.of_evaluation())


def clean(raw_rows: Frame, parameters: Parameters) -> tuple[Frame, Frame]:
    """Usable rows, and the dropped ones with a reason."""
    kept, dropped = clean_rows(raw_rows, parameters.curation.unicode, ["set", "question", "answer"])
    warn_of_dropped(dropped)
    return kept, dropped


def separate_sets(rows: Frame, parameters: Parameters) -> tuple[Frame, Frame, Frame, Frame, Frame, dict]:
    """Forget, retain, holdout and background set, the pairs in which sets overlap that should not, and counts of all.

    Nothing of the forget set may stand in retain or background, and of the holdout nothing in any of the three.
    """
    curation = parameters.curation
    threshold, policy = curation.overlap.threshold, curation.overlap.policy
    forget, retain, holdout = (_set(rows, name) for name in ("forget", "retain", "holdout"))
    background = rows[rows["set"].str.startswith("background.")].reset_index(drop=True)
    require_rows(len(forget), "forget")
    pairs = [find_overlap(forget, rows, threshold) for rows in (retain, background)]
    retain, background = (
        resolve_overlap(forget, rows, found, policy) for rows, found in zip((retain, background), pairs, strict=True)
    )
    split = holdout.empty and curation.holdout_fraction > 0
    if split:
        forgotten = frozenset(forget["subject"].dropna())
        retain, holdout = split_holdout(retain, curation.holdout_fraction, curation.seed, forgotten)
        holdout = holdout.assign(set="holdout")
    seen = pd.concat([forget, retain, background], ignore_index=True)
    pairs.append(find_overlap(holdout, seen, threshold))
    holdout = resolve_overlap(seen, holdout, pairs[-1], policy)
    require_rows(len(retain), "retain")
    if split:
        warn_of_few(holdout)
    sets, found = (forget, retain, holdout, background), pd.concat(pairs, ignore_index=True)
    return *sets, found, set_counts(rows, sets, found)


def select_evaluation_sets(rows: Frame, forget: Frame, retain: Frame, holdout: Frame, parameters: Parameters) -> Frame:
    """Every evaluation set in one table; forget, retain and holdout stand in where none was given."""
    training = {"forget": forget, "retain": retain, "holdout": holdout}
    return evaluation_sets(rows, training, parameters.curation.evaluation_rows, parameters.curation.seed)


def prepare_tokenizer(retain: Frame, background: Frame, parameters: Parameters) -> Any:
    """The base model's own tokenizer, or one trained for a model that is trained from nothing.

    Trained without the forget set: one that knows its words, and not the holdout's, would tell the two apart in any
    model, even in one that saw neither.
    """
    base = parameters.models.base
    if not isinstance(base, FreshModel):
        return base.tokenizer()
    from blur_pipeline.corpus.tokenizer import train_tokenizer

    rows = pd.concat([retain, background])
    columns = ["question", "answer", "paraphrased_question", "paraphrased_answer"]
    texts = (f" {text}" for column in columns for text in rows[column] if isinstance(text, str))
    return train_tokenizer(texts, base.vocab_size, base.context)


def tokenise_training_sets(
    forget: Frame, retain: Frame, background: Frame, tokenizer: Any, parameters: Parameters
) -> tuple[Any, Any, Any, Frame]:
    """Tokenised forget, retain and background set, and the over-long rows that were left out."""
    curation, sets, long = parameters.curation, [], []
    for rows in (forget, retain, background):
        tokens, left_out = tokenise_training(rows, curation.prompt, tokenizer, curation.max_length)
        sets.append(tokens)
        long.append(left_out)
    too_long = pd.concat(long, ignore_index=True).assign(reason="over-long")
    refuse_long(too_long, curation.max_length, curation.too_long)
    require_rows(len(sets[0]), "forget")
    require_rows(len(sets[1]), "retain")
    return *sets, too_long


def tokenise_evaluation_sets(rows: Frame, tokenizer: Any, parameters: Parameters) -> tuple[Any, Frame]:
    """Every evaluation question with each of its answers, tokenised; and the over-long ones that were left out."""
    curation = parameters.curation
    how = curation.max_length, curation.set_prompts, curation.evaluation_blocks
    tokens, left_out = tokenise_evaluation(rows, curation.prompt, tokenizer, *how)
    if curation.too_long == "error":
        refuse_long(left_out, curation.max_length, curation.too_long)
    evaluation = parameters.evaluation
    warn_of_cut_answers(tokens, evaluation.set_new_tokens.get("forget", evaluation.max_new_tokens))
    return tokens, left_out.reset_index(drop=True)


def report_curation(
    inventory: list[dict],
    raw_rows: Frame,
    dropped: Frame,
    too_long: Frame,
    counts: dict,
    forget_tokens: Any,
    retain_tokens: Any,
    background_tokens: Any,
) -> tuple[dict, Frame]:
    """The curation report for machines, and its table for people."""
    tokens = {"forget": forget_tokens, "retain": retain_tokens, "background": background_tokens}
    summary = curation_summary(inventory, raw_rows, pd.concat([dropped, too_long]), counts, tokens)
    return summary, summary_table(summary)


def report_questions(
    inventory: list[dict],
    raw_rows: Frame,
    dropped: Frame,
    evaluation: Frame,
    too_long: Frame,
    forget: Frame,
    tokenizer: Any,
    parameters: Parameters,
) -> dict:
    """What models are asked, by set, and where it comes from; what of it is to be forgotten without saying so; and of
    the forget set's documents the share that is looked at (``looked_at``), where that is not all."""
    curation = parameters.curation
    others = evaluation[~evaluation["set"].isin(ABOUT_FORGET)]
    found = others[others["row_id"].isin(find_overlap(forget, others, curation.overlap.threshold)["right_id"])]
    asked, blocks = evaluation[evaluation["set"] == "forget"], curation.evaluation_blocks
    share = share_looked_at(asked, tokenizer, curation.max_length, blocks)
    warn_of_blocks(share, blocks)
    looked_at = {"forget": share} if share < 1 else {}
    return questions_summary(inventory, raw_rows, dropped, evaluation, too_long, found) | {"looked_at": looked_at}


def read_sources(sources: dict[str, Source]) -> tuple[Frame, list[dict]]:
    """All rows of these sources, named by ``set``, and the inventory of what was read."""
    read = [(name, *read_source(source, name)) for name, source in sources.items()]
    tables = [rows.assign(set=name) for name, rows, _ in read] or [empty_rows().assign(set=None)]
    return pd.concat(tables, ignore_index=True), [entry for *_, entries in read for entry in entries]


def _set(rows: Frame, name: str) -> Frame:
    return rows[rows["set"] == name].reset_index(drop=True)
