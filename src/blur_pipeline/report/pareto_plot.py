"""Distance to a model that never knew, or what attacks bring back, against the utility kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from blur_pipeline.report.colours import COLOURS, FAINT
from blur_pipeline.report.colours import SYMBOLS as MODELS
from blur_pipeline.report.distance import DISTANCE, UTILITY, of_model
from blur_pipeline.report.figures import LAYOUT
from blur_pipeline.report.labels import label_places
from blur_pipeline.report.leaderboard import FEW, NOT_RANKED, RANKED, WRECKED, place
from blur_pipeline.report.residual import RESIDUAL
from blur_pipeline.statistics.pareto import dominated
from blur_pipeline.statistics.seeds import TELLING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

GREY, BEST = FAINT, COLOURS["unlearned"]
SYMBOLS = {RANKED: "circle", FEW: "circle-open", WRECKED: "x-thin-open"}
LINES = {RANKED: "dot", FEW: "dash"}


def pareto_plot(runs: pd.DataFrame, table: pd.DataFrame, floor: float) -> Figure:
    """One point a configuration with its intervals, named by rank and (off the front by rank alone) method.

    The best corner is top left. Dominated and wrecked configurations are grey, those of few seeds hollow and on a front
    of their own. A square and a diamond are the target and the retrained model of ``runs`` ``with_distance``; below the
    line at ``floor`` a model is wrecked. What lies far below it stands as an arrow at the lower edge, with its utility.
    Where there is no room the labels of the beaten are left out.
    """
    places = {model: of_model(runs, model, DISTANCE) for model in ("target", "retrained")}
    figure = _plot(runs, table[table["standing"] != NOT_RANKED], floor, DISTANCE, places)
    figure.update_layout(title="Distance to a model that never knew, against utility")
    figure.update_xaxes(title="distance (0: no measure tells it from its reference)")
    return figure


def residual_plot(runs: pd.DataFrame, table: pd.DataFrame, floor: float) -> Figure:
    """The same of worst-case residual knowledge, of the configurations that were put to the same attacks; grey is what
    another of the same standing beats in these two. Empty where none was.

    By its definition the target model is at 1 and the retrained model at 0.
    """
    from plotly.graph_objects import Figure

    attacked = table[(table["standing"] != NOT_RANKED) & table[[RESIDUAL, UTILITY]].notna().all(axis=1)]
    if attacked.empty:
        return Figure()
    beaten = {i: beats for _, part in attacked.groupby("standing")
              for i, beats in zip(part.index, dominated(part[RESIDUAL], part[UTILITY]), strict=True)}  # fmt: skip
    attacked = attacked.assign(dominated=pd.Series(beaten))
    figure = _plot(runs, attacked, floor, RESIDUAL, {"target": 1.0, "retrained": 0.0})
    figure.update_layout(title="What attacks bring back, against utility")
    figure.update_xaxes(title="worst-case residual knowledge (0: a model that never knew, 1: the target model)")
    return figure


def _plot(runs: pd.DataFrame, table: pd.DataFrame, floor: float, across: str, places: dict[str, float]) -> Figure:
    """``places``: where across the target and the retrained model stand."""
    from plotly.graph_objects import Figure

    figure, bottom = Figure(), _bottom(table, floor)
    edge = 0.04 * (1 - bottom)
    ends = [bottom - edge, max([1.0, *table[UTILITY], *table[f"{UTILITY}.high"].dropna()]) + edge]
    models = {model: np.array([x, of_model(runs, model, UTILITY)]) for model, x in places.items()}
    models = {model: point for model, point in models.items() if not pd.isna(point).any()}
    drawn_last = table.sort_values("dominated", ascending=False, kind="stable")  # the best lie on top
    where = _label_places(models, drawn_last, across, bottom, ends)
    for model, point in models.items():
        marker = {"size": 13, "color": COLOURS[model], "symbol": MODELS[model]}
        at = {"x": point[:1], "y": point[1:], "textposition": where[model], "cliponaxis": False}
        figure.add_scatter(**at, mode="markers+text", text=[model], marker=marker, name=model)
    for index, row in drawn_last.iterrows():
        _add_point(figure, row, where[index], across, bottom)
    for standing, dash in LINES.items():
        front = table[(table["standing"] == standing) & ~table["dominated"]].sort_values(across)
        line = {"color": BEST, "dash": dash, "shape": "hv", "width": 1}
        figure.add_scatter(x=front[across], y=front[UTILITY], mode="lines", line=line, hoverinfo="skip")
    figure.add_hline(y=floor, line={"color": GREY, "width": 1}, annotation_text="wrecked below", opacity=0.8,
                     annotation_position="bottom right")  # fmt: skip
    figure.update_layout(showlegend=False, **{**LAYOUT, "height": 560})
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(title="utility kept (1: as much as the target model)", range=ends)
    return figure


def _label_places(
    models: dict[str, np.ndarray], drawn: pd.DataFrame, across: str, bottom: float, ends: list[float]
) -> dict[Any, str | None]:
    """By model and by the index of each row; the best rows choose first, and what is beaten may get none."""
    reach = [*(x for x, _ in models.values()), *drawn[across], *drawn[f"{across}.high"].dropna()]
    widest = max(reach, default=0) or 1.0
    labels, points = {name: name for name in models}, dict(models)
    for index, row in drawn[::-1].iterrows():
        labels[index], points[index] = _label(row, bottom), (row[across], max(row[UTILITY], bottom))
    shares = [(x / (1.05 * widest), (y - ends[0]) / (ends[1] - ends[0])) for x, y in points.values()]
    always = len(models) + int((~drawn["dominated"]).sum())
    return dict(zip(points, label_places(shares, list(labels.values()), always), strict=True))


def _label(row: pd.Series, bottom: float) -> str:
    label = place(row) if row["dominated"] else f"{place(row)} {row['method']}".removeprefix(f"{WRECKED} ")
    return f"{label} {row[UTILITY]:.2f}" if row[UTILITY] < bottom else label


def _bottom(table: pd.DataFrame, floor: float) -> float:
    """The least utility that is drawn to scale: what is far below the floor would press all others together."""
    ends = table.loc[table["standing"] != WRECKED, [UTILITY, f"{UTILITY}.low"]].to_numpy(np.float64)
    return max(0.0, np.nanmin([floor, *ends[np.isfinite(ends)]]) - 0.05)


def _add_point(figure: Figure, row: pd.Series, where: str | None, across: str, bottom: float) -> None:
    """One that lies below the ``bottom`` stands there as an arrow, with its utility."""
    grey = row["dominated"] or row["standing"] == WRECKED
    colour = GREY if grey else BEST
    name = f"{row['method']} {row['settings']}".strip()
    below = row[UTILITY] < bottom
    symbol = "triangle-down" if below else SYMBOLS[row["standing"]]
    figure.add_scatter(
        x=[row[across]],
        y=[max(row[UTILITY], bottom)],
        error_x=_bars(row, across),
        error_y=None if below else _bars(row, UTILITY),
        mode="markers+text" if where else "markers",  # hovering tells its name
        text=[_label(row, bottom)],
        hovertext=[f"{name}, {row['seeds']} seed(s), {_worst(row, across)}"],
        textposition=where,
        textfont={"size": 9 if row["dominated"] else 11, "color": COLOURS["target"] if grey else BEST},
        marker={"size": 9, "color": colour, "symbol": symbol, "line": {"color": colour, "width": 2}},
        name=name,
    )


def _worst(row: pd.Series, across: str) -> str:
    return f"worst attack {row['worst_attack']}" if across == RESIDUAL else f"farthest in {row['farthest']}"


def _bars(row: pd.Series, name: str) -> dict:
    """The interval, or with few seeds the range of their values."""
    ends = ("min", "max") if 1 < row[f"{name}.n"] < TELLING else ("low", "high")
    down, up = row[name] - row[f"{name}.{ends[0]}"], row[f"{name}.{ends[1]}"] - row[name]
    return {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down], "thickness": 0.8, "width": 2}
