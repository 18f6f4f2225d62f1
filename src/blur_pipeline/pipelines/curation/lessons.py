"""What unlearning alone learns from: the forget set with other answers to its questions, and further sets.

They are a stage of their own (lessons) below the data: to change them trains no target and no retrained model anew.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from kedro.pipeline import Node, Pipeline

from blur_pipeline.config.parameters import Parameters
from blur_pipeline.corpus.cleaning import require_rows
from blur_pipeline.corpus.companions import tokenise_companions, with_refusals
from blur_pipeline.corpus.lengths import refuse_long
from blur_pipeline.corpus.summary import lessons_summary
from blur_pipeline.corpus.tokenise import tokenise_training
from blur_pipeline.corpus.variants import drawn_share
from blur_pipeline.metrics.subjects import document_of
from blur_pipeline.pipelines.curation import nodes

Frame = pd.DataFrame


def read_further_sources(parameters: Parameters) -> tuple[Frame, list[dict]]:
    """All raw rows of further sets, named ``further.NAME`` by ``set``; and the inventory of what was read."""
    return nodes.read_sources(parameters.sources.of_lessons())


def make_forget_lessons(forget: Frame, tokenizer: Any, parameters: Parameters) -> Any:
    """The tokenised forget set as unlearning reads it, its variant and its core set, with their companions."""
    curation = parameters.curation
    rows = with_refusals(forget, curation.refusals.sentences(), curation.seed)
    if curation.forget_variant:
        rows = curation.forget_variant(rows, curation.seed)
    tokens, long = tokenise_training(rows, curation.prompt, tokenizer, curation.max_length)
    refuse_long(long, curation.max_length, curation.too_long)
    require_rows(len(tokens), "forget")
    if curation.core_set and curation.core_set.kind == "random":
        drawn = drawn_share(tokens["row_id"][:], curation.core_set.share, curation.seed)
        tokens = tokens.select([i for i, row_id in enumerate(tokens["row_id"]) if row_id in drawn])
    return tokenise_companions(tokens, rows, curation.prompt, tokenizer, curation.max_length)


def make_further_lessons(rows: Frame, tokenizer: Any, parameters: Parameters) -> tuple[Any, Frame]:
    """All further sets, tokenised, told apart by the column ``set``; and the over-long rows that were left out."""
    curation = parameters.curation
    tokens, long = tokenise_training(rows, curation.prompt, tokenizer, curation.max_length)
    refuse_long(long, curation.max_length, curation.too_long)
    set_of = dict(zip(rows["row_id"], rows["set"].str.removeprefix("further."), strict=True))
    names = document_of(pd.Series(tokens["row_id"][:], dtype=object)).map(set_of).tolist()
    for name in parameters.sources.of_lessons():
        require_rows(names.count(name.removeprefix("further.")), name)
    return tokens.add_column("set", names), long


def report_lessons(
    inventory: list[dict], raw_rows: Frame, dropped: Frame, too_long: Frame, forget: Any, further: Any
) -> dict:
    """What unlearning learns from beside the retain set, for machines."""
    return lessons_summary(inventory, raw_rows, pd.concat([dropped, too_long]), forget, further)


def lessons() -> Pipeline:
    """Forget set and further sources → what unlearning alone learns from."""
    return Pipeline(
        [
            Node(
                read_further_sources,
                "parameters",
                ["raw_further", "further_inventory"],
                name="read_further_sources",
            ),
            Node(
                nodes.clean,
                ["raw_further", "parameters"],
                ["clean_further", "dropped_further"],
                name="clean_further",
            ),
            Node(
                make_forget_lessons,
                ["forget_set", "tokenizer", "parameters"],
                "forget_lessons",
                name="make_forget_lessons",
            ),
            Node(
                make_further_lessons,
                ["clean_further", "tokenizer", "parameters"],
                ["further_lessons", "too_long_further"],
                name="make_further_lessons",
            ),
            Node(
                report_lessons,
                [
                    "further_inventory",
                    "raw_further",
                    "dropped_further",
                    "too_long_further",
                    "forget_lessons",
                    "further_lessons",
                ],
                "lessons_report",
                name="report_lessons",
            ),
        ],
        namespace="curation",
        prefix_datasets_with_namespace=False,
        tags="curation",
    )
