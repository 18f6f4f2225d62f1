"""Nodes that turn metrics into tables, figures and pages."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blur_pipeline.config.parameters import Parameters
from blur_pipeline.corpus.summary import merge_summaries
from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.report import figures, pages, tables
from blur_pipeline.report.outcome import outcome

Frame = pd.DataFrame


def tabulate(target: Frame, retrained: Frame, unlearned: Frame, stress: Frame) -> tuple[Frame, Frame]:
    """All metrics in one long table, and side by side for reading; what the attacks found is the unlearned model's."""
    unlearned = pd.concat([unlearned, stress], ignore_index=True) if len(stress) else unlearned
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


def choose_answers(target: Frame, retrained: Frame, unlearned: Frame, parameters: Parameters) -> Frame:
    """Forget questions with every model's answer."""
    completions = dict(zip(MODELS, (target, retrained, unlearned), strict=True))
    return tables.example_answers(completions, parameters.reporting.examples)


def gather_data_reports(curation: dict, questions: dict) -> dict:
    """What models learnt from and what they were asked, in one."""
    return merge_summaries(curation, questions)


def write_report(
    table: Frame,
    answers: Frame,
    trade_off: Any,
    truth_ratios: Any,
    training: Any,
    data: dict,
    record: dict,
    parameters: Parameters,
) -> tuple[str, str]:
    """The HTML report and the Markdown summary; what the model is stands in the record, as its manifest says."""
    findings = pages.Findings(
        title=f"Unlearning report: {parameters.benchmark}, {parameters.method}",
        parameters=parameters.model_dump(exclude={"unlearning": {"methods"}, "reporting": {"published"}}),
        method=record["made_of"].get("unlearned", {}),
        curation=data,
        metrics=table,
        outcome=outcome(table, parameters.comparison, parameters.reporting.limit),
        answers=answers,
        record=record,
        figures=[trade_off, truth_ratios, training],
        published=parameters.reporting.published.model_dump(),
    )
    return pages.html_report(findings), pages.markdown_summary(findings)
