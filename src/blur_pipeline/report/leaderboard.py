"""Runs of a benchmark side by side: one row a configuration, the best trade-offs first."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from blur_pipeline.report.figures import LAYOUT
from blur_pipeline.report.tables import interval_text
from blur_pipeline.statistics.pareto import dominated, hypervolume
from blur_pipeline.statistics.seeds import over_seeds, paired_test

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LABELS = ["method", "settings"]
RUN_COLUMNS = ["run_id", *LABELS, "seed", "configuration", "target", "model", "metric", "value", "low", "high"]
"""One row per run, model and metric. ``configuration`` is the identity of the unlearned model without its seed,
``settings`` says in words what sets it apart from others of its method, ``target`` is the target model's identity."""


def leaderboard(runs: pd.DataFrame, cost: str, gain: str, shown: list[str]) -> pd.DataFrame:
    """One row per method and settings: ``seeds``, each shown metric with its interval, whether it is dominated.

    A configuration with one seed carries the interval over examples, one with several that over seeds. ``cost``
    (lower is better) and ``gain`` (higher is better) span the plane in which a configuration is dominated.

    Raises:
        ValueError: the runs are of several target models.
    """
    _require_one_target(runs)
    rows = []
    names = list(dict.fromkeys([cost, gain, *shown]))
    for _, part in runs[runs["model"] == "unlearned"].groupby("configuration", sort=False):
        row = {**part.iloc[0][LABELS], "seeds": part["seed"].nunique()}
        for name in names:
            values = part[part["metric"] == name].dropna(subset=["value"])
            row |= dict(zip((name, f"{name}.low", f"{name}.high"), _interval(values), strict=True))
        rows.append(row)
    table = pd.DataFrame(rows).dropna(subset=[cost, gain])
    table["dominated"] = dominated(table[cost].to_numpy(), table[gain].to_numpy())
    return table.sort_values(["dominated", cost], ignore_index=True)


def _require_one_target(runs: pd.DataFrame) -> None:
    if runs["target"].nunique() > 1:
        raise ValueError("runs of several target models do not compare: rank those of one")


def _interval(values: pd.DataFrame) -> tuple[float, float, float]:
    if values.empty:
        return np.nan, np.nan, np.nan
    if len(values) == 1:
        return tuple(float(x) for x in values.iloc[0][["value", "low", "high"]])
    row = over_seeds(values).iloc[0]
    return float(row["mean"]), float(row["low"]), float(row["high"])


def readable(table: pd.DataFrame, shown: list[str]) -> pd.DataFrame:
    """The leaderboard for reading: one cell a metric with its interval."""
    cells = {n: [interval_text(r[n], r[f"{n}.low"], r[f"{n}.high"]) for _, r in table.iterrows()] for n in shown}
    place = ["dominated" if d else "best" for d in table["dominated"]]
    return pd.DataFrame({**table[["method", "settings", "seeds"]].to_dict("list"), **cells, "trade-off": place})


def paired_tests(runs: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Every two configurations with two or more common seeds: mean difference and p-value of the paired t-test.

    A pair is two unlearned models of the same target and seed. Raises ValueError where there are several targets.
    """
    _require_one_target(runs)
    ours = runs[(runs["model"] == "unlearned") & runs["metric"].isin(metrics)]
    values = ours.pivot_table(index="seed", columns=["metric", "method", "settings"], values="value")
    rows = []
    for metric in metrics:
        columns = [c for c in values.columns if c[0] == metric]
        for one, other in combinations(columns, 2):
            gap, p, n = paired_test(values[one].dropna(), values[other].dropna())
            if n >= 2:
                left, right = (f"{c[1]} {c[2]}".strip() for c in (one, other))
                rows.append({"metric": metric, "one": left, "other": right, "difference": gap, "p": p, "seeds": n})
    return pd.DataFrame(rows, columns=["metric", "one", "other", "difference", "p", "seeds"])


def pareto_plot(runs: pd.DataFrame, table: pd.DataFrame, cost: str, gain: str) -> Figure:
    """Forgetting across, utility up; dominated configurations grey, intervals drawn, target and retrained beside."""
    from plotly.graph_objects import Figure

    figure = Figure()
    for model, colour in {"target": "#7a7f87", "retrained": "#2a7f62"}.items():
        last = runs[runs["model"] == model].drop_duplicates("metric", keep="last").set_index("metric")["value"]
        if {cost, gain} <= set(last.dropna().index):
            mark = {"size": 13, "color": colour, "symbol": "diamond"}
            figure.add_scatter(
                x=[last[cost]], y=[last[gain]], mode="markers+text", text=[model], marker=mark, name=model
            )
    for _, row in table.iterrows():
        colour = "#b8bdc4" if row["dominated"] else "#c2410c"
        figure.add_scatter(
            x=[row[cost]],
            y=[row[gain]],
            error_x=_bars(row, cost),
            error_y=_bars(row, gain),
            mode="markers+text",
            text=[f"{row['method']} {row['settings']}".strip()],
            textposition="top center",
            textfont={"size": 11, "color": colour},
            marker={"size": 10, "color": colour},
        )
    front = table[~table["dominated"]].sort_values(cost)
    figure.add_scatter(
        x=front[cost], y=front[gain], mode="lines", line={"color": "#c2410c", "dash": "dot", "shape": "hv"}
    )
    area = hypervolume(table[cost].to_numpy(), table[gain].to_numpy())
    figure.update_layout(title=f"Forgetting against utility; hypervolume {area:.3f}", **{**LAYOUT, "height": 560})
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title=f"{cost} (less is forgotten more)")
    figure.update_yaxes(title=gain.replace("_", " "))
    return figure


def _bars(row: pd.Series, name: str) -> dict:
    up, down = row[f"{name}.high"] - row[name], row[name] - row[f"{name}.low"]
    return {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down], "thickness": 1}
