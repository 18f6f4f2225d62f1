"""The HTML report and the Markdown summary."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from blur_pipeline.config.flat import flatten
from blur_pipeline.corpus.summary import summary_table
from blur_pipeline.report import markdown
from blur_pipeline.report.tables import main_metrics, published_table, reasons, side_by_side, subjects_of_sets

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Findings:
    """All that a report shows."""

    title: str
    parameters: dict[str, Any]
    method: dict[str, Any]
    curation: dict[str, Any]
    metrics: pd.DataFrame
    answers: pd.DataFrame
    record: dict[str, Any]
    figures: list[Figure] = field(default_factory=list)
    published: dict[str, Any] = field(default_factory=dict)

    def context(self) -> dict[str, Any]:
        """What the templates read."""
        return {
            "title": self.title,
            "parameters": flatten(self.parameters),
            "method": flatten(self.method),
            "curation": self.curation,
            "curation_rows": _records(summary_table(self.curation)),
            "stages": _records(_stages(self.record["stages"])),
            "again": {what: stage["again"] for what, stage in self.record["stages"].items()},
            "table": _records(side_by_side(main_metrics(self.metrics))),
            "all_metrics": _records(side_by_side(self.metrics)),
            "reasons": reasons(self.metrics),
            "subjects": subjects_of_sets(self.metrics),
            "published": _records(published_table(self.published, self.metrics)),
            "published_source": self.published.get("source", ""),
            "verdict": verdict(self.metrics) + chosen_by(self.method.get("stopping", {})),
            "answers": _records(self.answers),
            "record": self.record,
        }


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


def verdict(metrics: pd.DataFrame) -> list[str]:
    """The outcome in plain sentences, each with its numbers and none beyond them."""
    values = metrics.pivot(index="metric", columns="model", values="value")

    def get(metric: str, model: str) -> float | None:
        if metric not in values.index or model not in values.columns:
            return None
        value = values.loc[metric, model]
        return None if pd.isna(value) else float(value)

    said = []
    before, after = get("forget.probability", "target"), get("forget.probability", "unlearned")
    gold = get("forget.probability", "retrained")
    if before is not None and after is not None:
        against = f" (a model that never saw it gives {gold:.3f})" if gold is not None else ""
        said.append(f"The probability of the forget answers went from {before:.3f} to {after:.3f}{against}.")
    before, after, gold = (get("forget.fact_probability", m) for m in ("target", "unlearned", "retrained"))
    if before is not None and after is not None:
        against = "" if gold is None else f" ({gold:.3f} in a model that never saw them)"
        told = f"{before:.3f} to {after:.3f}{against}"
        said.append(f"That of the facts alone, without what the question gives away, went from {told}.")
    said += _likeness(get)
    if sentence := _unfair_attack(metrics):
        said.append(sentence)
    kept, had = get("model_utility", "unlearned"), get("model_utility", "target")
    if kept is not None and had:
        said.append(f"Model utility is {kept:.3f}, {kept / had:.0%} of the target model's {had:.3f}.")
    kept, had = get("retain.probability", "unlearned"), get("retain.probability", "target")
    if kept is not None and had is not None:
        said.append(f"The probability of the retain answers went from {had:.3f} to {kept:.3f}.")
    return said


def _likeness(get: Callable[[str, str], float | None]) -> list[str]:
    """Whether the unlearned model is told from the retrained one, and whether it was shown to be like it."""
    said, quality = [], get("forget_quality", "unlearned")
    if quality is not None:
        found = "its truth ratios tell the unlearned model from the retrained one"
        if quality >= 0.05:
            power = get("forget_quality.power", "unlearned")
            chance = "" if power is None else f", and of models that kept half of the knowledge it finds {power:.0%}"
            found = f"no difference was found at the 5 % level, which does not show that there is none{chance}"
        # A test that does not notice the forget set in the target model proves nothing of the unlearned one.
        blind = (get("forget_quality", "target") or 0.0) >= 0.05
        blind = "; it does not even tell the target model apart, so it says nothing here" if blind else ""
        said.append(f"Forget quality (TOFU's Kolmogorov-Smirnov p-value) is {quality:.3g}: {found}{blind}.")
    alike = get("equivalence", "unlearned")
    if alike is not None:
        names = {"log_truth_ratio": "log truth ratio", "nll": "NLL", "fact_nll": "NLL of the fact"}
        gaps = {name: get(f"difference.{key}", "unlearned") for key, name in names.items()}
        told = ", ".join(f"{name} {gap:+.2f}" for name, gap in gaps.items() if gap is not None)
        shown = "shown" if alike < 0.05 else "not shown"
        said.append(
            f"On the forget set it differs from the retrained model by {told} (means over subjects); that it is like it"
            f" within the stated margin is {shown} (p = {alike:.2g}, two one-sided tests)."
        )
    return said


def chosen_by(stopping: dict[str, Any]) -> list[str]:
    """Where weights were chosen by rows that are reported as well: what is said of those is a little flattered.

    They cannot be taken out: the target and the retrained model are measured on the same rows, whoever chose what.
    """
    if stopping.get("kind") != "best":
        return []
    return [
        f"The unlearned weights were chosen among several by their losses on up to {stopping['rows']} rows of the "
        "forget and of the retain set (unlearning.stopping: best), which may be among the rows reported: of these two "
        "sets the numbers flatter it; no other set had a part in the choice."
    ]


def _unfair_attack(metrics: pd.DataFrame) -> str | None:
    """Where the attack behind PrivLeak tells forget from holdout rows in a model that saw neither."""
    found = metrics[(metrics["model"] == "retrained") & (metrics["metric"] == "membership.min_k")]
    if found.empty or not (found["low"].item() > 0.5 or found["high"].item() < 0.5):
        return None
    value, low, high = (float(found[name].item()) for name in ("value", "low", "high"))
    return (
        "The retrained model saw neither forget nor holdout rows, yet the Min-K attack tells them apart in it (AUC "
        f"{value:.2f} [{low:.2f}, {high:.2f}], not ½): the sets differ by themselves, and PrivLeak measures that too."
    )


def html_report(findings: Findings) -> str:
    """One file that needs nothing else: plotly's script stands in it once."""
    figures = [figure.to_html(full_html=False, include_plotlyjs=(i == 0)) for i, figure in enumerate(findings.figures)]
    return _template("report.html.jinja").render(figures=figures, **findings.context())


def markdown_summary(findings: Findings) -> str:
    """The same without figures, short enough to paste into a ticket."""
    return _template("summary.md.jinja").render(**findings.context())


def leaderboard_pages(
    benchmark: str, figure: Figure, tables: dict[str, pd.DataFrame], rules: list[str]
) -> tuple[str, str]:
    """The leaderboard as one HTML file and as Markdown.

    ``tables``: ``table`` for reading, ``references`` of the distance, ``volumes``, ``tests``, and ``others``, the runs
    that were left out with the reason; ``rules`` say in sentences how ranks come about.
    """
    rounded = {name: frame.map(_short) for name, frame in tables.items()}
    context = {
        "title": f"Leaderboard: {benchmark}",
        "rules": rules,
        **{name: _records(frame) for name, frame in rounded.items()},
    }
    drawn = figure.to_html(full_html=False, include_plotlyjs=True)
    page = _template("leaderboard.html.jinja").render(figure=drawn, **context)
    return page, _template("leaderboard.md.jinja").render(**context)


def _short(cell: Any) -> Any:
    """Three decimals; more where those would show nothing, fewer where they are zeros."""
    if not isinstance(cell, float) or math.isnan(cell):
        return cell
    return f"{cell:.1e}" if 0 < abs(cell) < 0.001 else f"{round(cell, 3):g}"


def _records(frame: pd.DataFrame) -> dict[str, list]:
    shown = frame.astype(object).where(frame.notna(), "–")
    return {"columns": list(frame.columns), "rows": shown.to_numpy().tolist()}


def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("blur_pipeline", "report")
    environment = Environment(
        loader=loader, autoescape=name.endswith(".html.jinja"), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"plain": markdown.plain, "code": markdown.code}
    return environment.get_template(name)
