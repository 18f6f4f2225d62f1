"""Metrics of several models side by side."""

from __future__ import annotations

import math

import pandas as pd

from blur_pipeline.metrics.subjects import with_subjects
from blur_pipeline.report.giveaways import strongest_attack
from blur_pipeline.statistics.intervals import METRIC_COLUMNS

HEADLINES = ["model_utility", "forget_quality", "privacy_leakage"]
MAIN = [
    *HEADLINES,
    "equivalence",
    "forget.fact_probability",
    "forget.exact_memorisation",
    "forget.extraction_strength",
    "membership.min_k",
    "verbmem",
    "knowmem.forget",
    "knowmem.retain",
]
MAIN_MEANS = (".probability", ".rouge", ".truth_ratio")


def long_table(metrics: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """All models' aggregates in one table, with a column ``model``; absent models have no rows."""
    parts = [frame.assign(model=model) for model, frame in metrics.items() if not frame.empty]
    return pd.concat(parts, ignore_index=True)[["model", *METRIC_COLUMNS]]


def main_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that a reader looks at first, the strongest attack among them; the rest stands below them."""
    names = table["metric"]
    strongest = strongest_attack(table) if "model" in table else None
    return table[
        names.isin([*MAIN, strongest]) | names.str.endswith(MAIN_MEANS) | names.str.startswith(("general.", "safety."))
    ]


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """One row per metric and one column per model: ``0.87 [0.84, 0.90]``; the forget set and headlines first."""
    models = list(table["model"].drop_duplicates())
    order = sorted(table["metric"].drop_duplicates(), key=_rank)
    cells = {(row.metric, row.model): interval_text(row.value, row.low, row.high) for row in table.itertuples()}
    rows = [[metric, *(cells.get((metric, model), "–") for model in models)] for metric in order]
    return pd.DataFrame(rows, columns=["metric", *models])


def published_table(published: dict, table: pd.DataFrame) -> pd.DataFrame:
    """Ours and the literature's numbers of the metrics that it gives, one row a model or method; empty without any."""
    values = pd.DataFrame.from_dict(published.get("values", {}), orient="index")
    if values.empty:
        return pd.DataFrame()
    ours = table.pivot(index="model", columns="metric", values="value").reindex(columns=values.columns)
    ours = ours.reindex(table["model"].drop_duplicates()).rename(index=lambda model: f"{model}, here")
    both = pd.concat([ours, values.rename(index=lambda row: f"{row}, published")])
    return both.map(lambda value: interval_text(value, math.nan, math.nan)).rename_axis("model").reset_index()


def interval_text(value: float, low: float, high: float) -> str:
    """A value with its interval; a dash for an absent one; small p-values in scientific notation."""
    if not math.isfinite(value):
        return "–"
    one = lambda x: f"{x:.1e}" if 0 < abs(x) < 0.001 else f"{x:.3f}"
    return f"{one(value)} [{one(low)}, {one(high)}]" if math.isfinite(low) else one(value)


def reasons(table: pd.DataFrame) -> list[str]:
    """Why metrics, or their intervals, are absent, each said once."""
    absent = table[table["reason"] != ""]
    by_reason = absent.groupby("reason", sort=False)["metric"].unique()
    return [f"{', '.join(metrics)}: {reason}" for reason, metrics in by_reason.items()]


def subjects_of_sets(table: pd.DataFrame) -> str:
    """``forget 4 (40 rows), retain 32 (100 rows)``: how many different subjects stand behind each set's means."""
    found = table[(table["model"] == table["model"].iloc[-1]) & table["metric"].str.endswith(".probability")]
    parts = [f"{r.metric.rpartition('.')[0].replace('_', ' ')} {r.subjects} ({r.n} rows)" for r in found.itertuples()]
    return ", ".join(parts)


def _rank(metric: str) -> tuple[int, str]:
    if metric in HEADLINES:
        return HEADLINES.index(metric), metric
    sets = ["forget", "retain", "real_authors", "world_facts", "holdout"]
    name = metric.split(".")[0]
    return 2 + (sets.index(name) if name in sets else len(sets)), metric


def example_answers(completions: dict[str, pd.DataFrame], asked: pd.DataFrame, count: int) -> pd.DataFrame:
    """``count`` forget questions, of the subjects by turns: ``question, answer`` and each model's completion.

    ``asked`` says by ``set, row_id`` whom a question is about.
    """
    present = {model: frame for model, frame in completions.items() if not frame.empty}
    if not present:  # documents alone: nothing was asked
        return pd.DataFrame(columns=["question", "answer"])
    first = next(iter(present.values()))
    rows = with_subjects(first.loc[first["set"] == "forget", ["set", "row_id", "question", "answer"]], asked)
    turns = rows.groupby("subject", sort=False).cumcount().sort_values(kind="stable")
    rows = rows.loc[turns.index[:count], ["row_id", "question", "answer"]]
    for model, frame in present.items():
        texts = frame[frame["set"] == "forget"].set_index("row_id")["completion"]
        rows[model] = rows["row_id"].map(texts)
    return rows.drop(columns="row_id").reset_index(drop=True)
