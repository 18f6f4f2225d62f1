"""Nodes that turn metrics into tables, figures and pages."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.parameters import Reporting, Unlearning
from blur_pipeline.pipelines.evaluation.pipeline import MODELS
from blur_pipeline.report import figures, pages, tables

Frame = pd.DataFrame


def tabulate(target: Frame, retrained: Frame, unlearned: Frame) -> tuple[Frame, Frame]:
    """All metrics in one long table, and side by side for reading."""
    table = tables.long_table(dict(zip(MODELS, (target, retrained, unlearned), strict=True)))
    return table, tables.side_by_side(tables.main_metrics(table))


def draw_trade_off(table: Frame) -> Any:
    """Forgetting against utility."""
    return figures.trade_off(table)


def draw_training(log: Frame) -> Any:
    """Losses, gradient norms, cosine and ξ by step."""
    return figures.training_curves(log)


def draw_truth_ratios(target: Frame, retrained: Frame, unlearned: Frame) -> Any:
    """Truth-ratio distributions on the forget set."""
    return figures.truth_ratios(dict(zip(MODELS, (target, retrained, unlearned), strict=True)))


def choose_answers(target: Frame, retrained: Frame, unlearned: Frame, reporting: Reporting) -> Frame:
    """Forget questions with every model's answer."""
    return tables.example_answers(dict(zip(MODELS, (target, retrained, unlearned), strict=True)), reporting.examples)


def write_report(
    table: Frame,
    answers: Frame,
    trade_off: Any,
    truth_ratios: Any,
    training: Any,
    curation: dict,
    curation_table: Frame,
    record: dict,
    unlearning: Unlearning,
    reporting: Reporting,
    benchmark: str,
) -> tuple[str, str]:
    """The HTML report and the Markdown summary."""
    schedule = unlearning.schedule_of(unlearning.method)
    findings = pages.Findings(
        title=f"Unlearning report: {benchmark}, {unlearning.method}",
        parameters=record["parameters"],
        method={**unlearning.recipe.model_dump(), "schedule": schedule.model_dump()},
        curation=curation,
        curation_table=curation_table,
        metrics=table,
        answers=answers,
        record=record,
        figures=[trade_off, truth_ratios, training],
        published=reporting.published.model_dump(),
    )
    return pages.html_report(findings), pages.markdown_summary(findings)
