"""The HTML report and the Markdown summary."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from blur_pipeline.config.flat import leaves
from blur_pipeline.corpus.summary import summary_table
from blur_pipeline.report import markdown
from blur_pipeline.report.definitions import ARROWS, SECTIONS, Definition, definition, glossary, of_column, section
from blur_pipeline.report.drawing import drawing
from blur_pipeline.report.outcome import Outcome
from blur_pipeline.report.residual import Section
from blur_pipeline.report.tables import main_metrics, published_table, reasons, side_by_side, subjects_of_sets
from blur_pipeline.report.verdict import chosen_by, verdict

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


CURVES = "stress"
"""The figure that stands with the attacks instead of the others."""
UP = "../../../"
"""From a leaderboard to the folder of its benchmark: it lies there in its own folder, its name's and its version's."""


@dataclass(frozen=True)
class Findings:
    """All that a report shows."""

    title: str
    parameters: dict[str, Any]
    method: dict[str, Any]
    curation: dict[str, Any]
    metrics: pd.DataFrame
    outcome: Outcome
    answers: pd.DataFrame
    record: dict[str, Any]
    figures: dict[str, Figure] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)
    stress: Section | None = None
    """None where nothing was attacked."""
    request: str = ""
    """Who asked, in a sentence."""

    def context(self) -> dict[str, Any]:
        """What the templates read."""
        return {
            "title": self.title,
            "parameters": leaves(self.parameters),
            "method": leaves(self.method),
            "curation": self.curation,
            "curation_rows": _records(summary_table(self.curation)),
            "stages": _records(_stages(self.record["stages"])),
            "again": {what: stage["again"] for what, stage in self.record["stages"].items()},
            "table": _records(side_by_side(main_metrics(self.metrics))),
            "metrics": _in_sections(side_by_side(main_metrics(self.metrics))),
            "all_metrics": _in_sections(side_by_side(self.metrics)),
            "arrows": ARROWS,
            "glossary": glossary(self.metrics["metric"].drop_duplicates().tolist()),
            "reasons": reasons(self.metrics),
            "subjects": subjects_of_sets(self.metrics),
            "published": _records(published_table(self.published, self.metrics)),
            "published_source": self.published.get("source", ""),
            "outcome": self.outcome._asdict(),
            "verdict": verdict(self.metrics, self._ratio()) + chosen_by(self.method.get("stopping", {})),
            "stress": self.stress and _of_section(self.stress),
            "answers": _records(self.answers),
            "record": self.record,
            "request": self.request,
        }

    def _ratio(self) -> float | None:
        return self.parameters.get("evaluation", {}).get("equivalence_ratio")


def _in_sections(table: pd.DataFrame) -> dict[str, Any]:
    """A metrics table under the headings of ``SECTIONS``, each metric with its arrow and what it is."""
    unknown = Definition("", "")
    rows = [{"metric": name, "cells": cells, **(definition(name) or unknown)._asdict()}
            for name, *cells in table.itertuples(index=False)]  # fmt: skip
    parts = {head: [row for row in rows if section(row["metric"]) == head] for head in SECTIONS}
    return {"models": list(table.columns[1:]), "parts": {head: part for head, part in parts.items() if part}}


def _of_section(found: Section) -> dict[str, Any]:
    tables = {"attacks": _records(found.attacks), "states": _records(found.states)}
    return {"verdict": found.verdict, "headline": found.headline, "notes": found.notes, **tables}


def _stages(stages: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """A row a stage; the commit as people write it, the minute and not the second."""
    rows = [
        {
            "what": what,
            "name": stage["name"],
            "made": stage["made"][:16].replace("T", " "),
            "seconds": stage["seconds"],
            "commit": stage["commit"][:10] + (" +changes" if "+" in stage["commit"] else ""),
            "MLflow run": stage["MLflow run"],
            "hardware": stage["hardware"],
        }
        for what, stage in stages.items()
    ]
    return pd.DataFrame(rows)


def html_report(findings: Findings) -> str:
    """One file that needs nothing else."""
    drawn = {name: drawing(figure) for name, figure in findings.figures.items()}
    curves = drawn.pop(CURVES, None)
    return template("report.html.jinja").render(figures=list(drawn.values()), curves=curves, **findings.context())


def markdown_summary(findings: Findings) -> str:
    """The same without figures, short enough to paste into a ticket."""
    return template("summary.md.jinja").render(**findings.context())


def leaderboard_pages(
    benchmark: str, figures: list[Figure], tables: dict[str, pd.DataFrame], rules: list[str], reports: dict[str, str]
) -> tuple[str, str]:
    """The leaderboard as one HTML file and as Markdown.

    ``tables``: ``table`` for reading, ``references`` of the distance, ``volumes``, ``tests``, and ``others``, the runs
    that were left out with the reason; ``rules`` say in sentences how ranks come about. ``reports`` of runs by their
    id: where they lie below the benchmark's folder, or "" of those that are not here.
    """
    rounded = {name: frame.map(_short) for name, frame in tables.items()}
    context = {
        "title": f"Leaderboard: {benchmark}",
        "rules": rules,
        "links": {run: quote(f"{UP}{path}") for run, path in reports.items() if path},
        **{name: _records(frame) for name, frame in rounded.items()},
    }
    drawn = [drawing(figure) for figure in figures]
    context |= hints(tables["table"])
    page = template("leaderboard.html.jinja").render(figures=drawn, **context)
    return page, template("leaderboard.md.jinja").render(**context)


def figure_page(figure: Figure) -> str:
    """A figure by itself, for who looks at it where there is no report."""
    drawn = drawing(figure)
    return template("figure.html.jinja").render(title=drawn.title, drawn=drawn._replace(title=""))


def hints(table: pd.DataFrame) -> dict[str, Any]:
    """Of the columns that are metrics: what each is and which way is better, and the same as a glossary."""
    known = {column: found for column in table if (found := of_column(column))}
    return {"hints": known, "arrows": ARROWS, "glossary": list(known.items())}


def _short(cell: Any) -> Any:
    """Three decimals; more where those would show nothing, fewer where they are zeros."""
    if not isinstance(cell, float) or math.isnan(cell):
        return cell
    return f"{cell:.1e}" if 0 < abs(cell) < 0.001 else f"{round(cell, 3):g}"


def _records(frame: pd.DataFrame) -> dict[str, list]:
    shown = frame.astype(object).where(frame.notna(), "–")
    return {"columns": list(frame.columns), "rows": shown.to_numpy().tolist()}


def template(name: str) -> Any:
    """One of the report's own; what goes into a page of HTML is escaped."""
    return _environment(name.endswith(".html.jinja")).get_template(name)


@functools.cache
def _environment(escapes: bool) -> Any:
    """A new one would compile every template anew."""
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("blur_pipeline", "report")
    environment = Environment(loader=loader, autoescape=escapes, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"plain": markdown.plain, "code": markdown.code}
    return environment
