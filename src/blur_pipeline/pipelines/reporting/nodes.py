"""Nodes that turn metrics into tables, figures and pages."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from blur_pipeline.config.models import Absent, Scores
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.corpus.summary import merge_summaries
from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.report import figures, pages, residual, tables
from blur_pipeline.report.outcome import outcome
from blur_pipeline.report.residual_figure import curves

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


def draw_stress(states: Frame, attacks: Frame, parameters: Parameters) -> Any:
    """What comes back by step of the attacks that train; empty where there was none."""
    return curves(states, attacks, parameters.stress.measure, _by_holdout(parameters))


def gather_figures(trade_off: Any, truth_ratios: Any, training: Any, stress: Any) -> dict[str, Any]:
    """By name, of those that show anything, in the order of the page."""
    found = {"trade_off": trade_off, "truth_ratio": truth_ratios, "training": training, pages.CURVES: stress}
    return {name: json.loads(figure.to_json()) for name, figure in found.items() if figure.data}


def choose_answers(target: Frame, retrained: Frame, unlearned: Frame, asked: Frame, parameters: Parameters) -> Frame:
    """Forget questions of several subjects with every model's answer."""
    completions = dict(zip(MODELS, (target, retrained, unlearned), strict=True))
    return tables.example_answers(completions, asked, parameters.reporting.examples)


def gather_data_reports(curation: dict, questions: dict, lessons: dict) -> dict:
    """What models learnt from, unlearning alone among them, and what they were asked, in one."""
    return merge_summaries(curation, questions, lessons) | {"looked_at": questions["looked_at"]}


def write_report(
    table: Frame,
    states: Frame,
    attacks: Frame,
    answers: Frame,
    drawn: dict,
    data: dict,
    record: dict,
    parameters: Parameters,
) -> tuple[str, str]:
    """The HTML report and the Markdown summary; what the model is stands in the record, as its manifest says."""
    from plotly.graph_objects import Figure

    reporting = parameters.reporting
    chosen = parameters.stress.chosen().items()
    halves = [name for name, attack in chosen if getattr(attack, "half", False)]
    shown = [name for name, attack in chosen if attack.shows]
    asked = residual.Asked(parameters.stress.measure, halves, shown, _by_holdout(parameters))
    findings = pages.Findings(
        title=f"Unlearning report: {parameters.benchmark}, {parameters.method}",
        parameters=parameters.model_dump(exclude={"unlearning": {"methods"}, "reporting": {"published"}}),
        method=record["made_of"].get("unlearned", {}),
        curation=data,
        metrics=table,
        outcome=outcome(table, parameters.comparison, reporting.limit, reporting.residual_limit),
        answers=answers,
        record=record,
        figures={name: Figure(spec) for name, spec in drawn.items()},
        published=reporting.published.model_dump(),
        stress=residual.section(table, states, attacks, asked),
        request=reporting.request.told(),
    )
    return pages.html_report(findings), pages.markdown_summary(findings)


def _by_holdout(parameters: Parameters) -> bool:
    """Whether there is no retrained model to attack, so that the holdout stands in for it."""
    return isinstance(parameters.models.retrained, Absent | Scores)
