"""Distance to a model that never knew against the utility kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from blur_pipeline.report.distance import DISTANCE, UTILITY, of_model
from blur_pipeline.report.figures import COLOURS, LAYOUT
from blur_pipeline.report.leaderboard import FEW, NOT_RANKED, RANKED, WRECKED, place
from blur_pipeline.statistics.seeds import TELLING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

GREY, BEST = "#b8bdc4", COLOURS["unlearned"]
SYMBOLS = {RANKED: "circle", FEW: "circle-open", WRECKED: "x-thin-open"}
PLACES = ("top right", "bottom right", "top left", "bottom left")  # in turn: labels of near points part
LINES = {RANKED: "dot", FEW: "dash"}


def pareto_plot(runs: pd.DataFrame, table: pd.DataFrame, floor: float) -> Figure:
    """One point a configuration with its intervals, named by rank and (off the front by rank alone) method.

    The best corner is top left. Dominated and wrecked configurations are grey, those of few seeds hollow and on a front
    of their own. Diamonds are the target and the retrained model of ``runs`` ``with_distance``; below the line at
    ``floor`` a model is wrecked.
    """
    from plotly.graph_objects import Figure

    figure = Figure()
    for model in ("target", "retrained"):
        point = np.array([of_model(runs, model, name) for name in (DISTANCE, UTILITY)])
        if not pd.isna(point).any():
            marker = {"size": 13, "color": COLOURS[model], "symbol": "diamond"}
            where = {"x": point[:1], "y": point[1:], "textposition": "middle right", "cliponaxis": False}
            figure.add_scatter(**where, mode="markers+text", text=[model], marker=marker, name=model)
    for number, (_, row) in enumerate(table[table["standing"] != NOT_RANKED].iterrows()):
        _add_point(figure, row, PLACES[number % len(PLACES)])
    for standing, dash in LINES.items():
        front = table[(table["standing"] == standing) & ~table["dominated"]].sort_values(DISTANCE)
        line = {"color": BEST, "dash": dash, "shape": "hv", "width": 1}
        figure.add_scatter(x=front[DISTANCE], y=front[UTILITY], mode="lines", line=line, hoverinfo="skip")
    figure.add_hline(y=floor, line={"color": GREY, "width": 1}, annotation_text="wrecked below", opacity=0.8,
                     annotation_position="bottom right")  # fmt: skip
    figure.update_layout(title="Distance to a model that never knew, against utility", **{**LAYOUT, "height": 560})
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title="distance (0: no measure tells it from its reference)", rangemode="tozero")
    figure.update_yaxes(title="utility kept (1: as much as the target model)", rangemode="tozero")
    return figure


def _add_point(figure: Figure, row: pd.Series, where: str) -> None:
    grey = row["dominated"] or row["standing"] == WRECKED
    colour = GREY if grey else BEST
    name = f"{row['method']} {row['settings']}".strip()
    label = place(row) if row["dominated"] else f"{place(row)} {row['method']}".removeprefix(f"{WRECKED} ")
    figure.add_scatter(
        x=[row[DISTANCE]],
        y=[row[UTILITY]],
        error_x=_bars(row, DISTANCE),
        error_y=_bars(row, UTILITY),
        mode="markers+text",
        text=[label],
        hovertext=[f"{name}, {row['seeds']} seed(s), farthest in {row['farthest']}"],
        textposition=where,
        textfont={"size": 11, "color": "#7a7f87" if grey else BEST},
        marker={"size": 9, "color": colour, "symbol": SYMBOLS[row["standing"]], "line": {"color": colour, "width": 2}},
        name=name,
    )


def _bars(row: pd.Series, name: str) -> dict:
    """The interval, or with few seeds the range of their values."""
    ends = ("min", "max") if 1 < row[f"{name}.n"] < TELLING else ("low", "high")
    down, up = row[name] - row[f"{name}.{ends[0]}"], row[f"{name}.{ends[1]}"] - row[name]
    return {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down], "thickness": 0.8, "width": 2}
