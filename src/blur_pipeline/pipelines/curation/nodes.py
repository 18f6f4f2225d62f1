"""Nodes of the curation pipeline: thin, the work is in ``corpus``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.corpus.cleaning import clean_rows, require_rows
from blur_pipeline.corpus.holdout import split_holdout
from blur_pipeline.corpus.overlap import find_overlap, resolve_overlap
from blur_pipeline.corpus.selection import evaluation_sets
from blur_pipeline.corpus.sources import read_source
from blur_pipeline.corpus.summary import curation_summary, summary_table
from blur_pipeline.corpus.tokenise import tokenise_evaluation, tokenise_training
from blur_pipeline.parameters import Curation, Models, Sources
from blur_pipeline.training.models import FreshModel

Frame = pd.DataFrame


def read_sources(sources: Sources) -> tuple[Frame, list[dict]]:
    """All raw rows in one table, named by ``set``, and the inventory of what was read."""
    read = [(name, *read_source(source, name)) for name, source in sources.all().items()]
    rows = pd.concat([rows.assign(set=name) for name, rows, _ in read], ignore_index=True)
    return rows, [entry for *_, entries in read for entry in entries]


def clean(raw_rows: Frame, curation: Curation) -> tuple[Frame, Frame]:
    """Usable rows, and the dropped ones with a reason."""
    return clean_rows(raw_rows, curation.unicode, ["set", "question", "answer"])


def separate_sets(rows: Frame, curation: Curation, seed: int) -> tuple[Frame, Frame, Frame, Frame, Frame]:
    """Forget, retain, holdout and background set, and the pairs in which forget and retain overlap."""
    forget, retain, holdout = (_set(rows, name) for name in ("forget", "retain", "holdout"))
    background = rows[rows["set"].str.startswith("background.")].reset_index(drop=True)
    require_rows(len(forget), "forget")
    pairs = find_overlap(forget, retain, curation.overlap.threshold)
    retain = resolve_overlap(forget, retain, pairs, curation.overlap.policy)
    if holdout.empty and curation.holdout_fraction:
        retain, holdout = split_holdout(retain, curation.holdout_fraction, seed)
    require_rows(len(retain), "retain")
    return forget, retain, holdout, background, pairs


def select_evaluation_sets(
    rows: Frame, forget: Frame, retain: Frame, holdout: Frame, curation: Curation, seed: int
) -> Frame:
    """Every evaluation set in one table; forget, retain and holdout stand in where none was given."""
    training = {"forget": forget, "retain": retain, "holdout": holdout}
    return evaluation_sets(rows, training, curation.evaluation_rows, seed)


def prepare_tokenizer(models: Models, forget: Frame, retain: Frame, background: Frame) -> Any:
    """The base model's own tokenizer, or one trained on the sets for a model trained from nothing."""
    if not isinstance(models.base, FreshModel):
        return models.base.tokenizer()
    from blur_pipeline.corpus.tokenizer import train_tokenizer

    rows = pd.concat([forget, retain, background])
    columns = ["question", "answer", "paraphrased_question", "paraphrased_answer"]
    texts = (f" {text}" for column in columns for text in rows[column] if isinstance(text, str))
    return train_tokenizer(texts, models.base.vocab_size, models.base.context)


def tokenise_training_sets(
    forget: Frame, retain: Frame, background: Frame, tokenizer: Any, curation: Curation
) -> tuple[Any, Any, Any, Frame]:
    """Tokenised forget, retain and background set, and the over-long rows that were left out."""
    sets, too_long = [], []
    for rows in (forget, retain, background):
        tokens, dropped = tokenise_training(rows, curation.prompt, tokenizer, curation.max_length, curation.too_long)
        sets.append(tokens)
        too_long.append(rows[rows["row_id"].isin(dropped)].assign(reason="over-long"))
    require_rows(len(sets[0]), "forget")
    require_rows(len(sets[1]), "retain")
    return *sets, pd.concat(too_long, ignore_index=True)


def tokenise_evaluation_sets(rows: Frame, tokenizer: Any, curation: Curation) -> Any:
    """Every evaluation question with each of its answers, tokenised."""
    return tokenise_evaluation(rows, curation.prompt, tokenizer, curation.max_length, curation.set_prompts)


def report_curation(
    inventory: list[dict],
    raw_rows: Frame,
    dropped: Frame,
    too_long: Frame,
    pairs: Frame,
    forget_tokens: Any,
    retain_tokens: Any,
    background_tokens: Any,
    evaluation: Frame,
) -> tuple[dict, Frame]:
    """The curation report for machines, and its table for people."""
    tokens = {"forget": forget_tokens, "retain": retain_tokens, "background": background_tokens}
    summary = curation_summary(inventory, raw_rows, pd.concat([dropped, too_long]), pairs, tokens, evaluation)
    return summary, summary_table(summary)


def _set(rows: Frame, name: str) -> Frame:
    return rows[rows["set"] == name].reset_index(drop=True)
