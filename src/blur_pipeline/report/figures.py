"""Plotly figures of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from blur_pipeline.report.colours import COLOURS, DASHES, OTHER, SYMBOLS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# The unlearned model should come to lie on the retrained one: their labels must not.
LABEL_PLACES = {"target": "top left", "retrained": "top right", "unlearned": "bottom right"}
LAYOUT = {
    "template": "simple_white",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 60, "r": 20, "t": 50, "b": 50},
    "height": 380,
}


def trade_off(table: pd.DataFrame) -> Figure:
    """What is kept against what is still remembered, one point per model; the best corner is top left.

    Across: probability of the forget answers. Up: model utility, or the retain probability where there is
    no utility. Bars are 95 % bootstrap intervals.
    """
    from plotly.graph_objects import Figure, Scatter

    values = table.pivot(index="model", columns="metric", values=["value", "low", "high"])
    utility = values["value"].get("model_utility")
    up = "model_utility" if utility is not None and utility.notna().any() else "retain.probability"
    across = "forget.probability"
    figure = Figure()
    for model in [m for m in COLOURS if m in values.index]:
        x, y = (values.loc[model].xs(metric, level="metric") for metric in (across, up))
        figure.add_trace(
            Scatter(
                x=[x["value"]],
                y=[y["value"]],
                error_x=_bars(x),
                error_y=_bars(y),
                mode="markers+text",
                text=[model],
                textposition=LABEL_PLACES[model],
                marker={"size": 12, "color": COLOURS[model], "symbol": SYMBOLS[model]},
                name=model,
            )
        )
    figure.update_layout(title="Forgetting against utility", showlegend=False, **LAYOUT)
    figure.update_xaxes(title="probability of the forget answers (less is forgotten more)", range=[-0.03, 1.05])
    figure.update_yaxes(title=up.replace(".", " ").replace("_", " "), range=[0, 1.08])
    return figure


def _bars(interval: pd.Series) -> dict:
    return {
        "type": "data",
        "symmetric": False,
        "array": [interval["high"] - interval["value"]],
        "arrayminus": [interval["value"] - interval["low"]],
        "thickness": 1,
    }


def training_curves(log: pd.DataFrame) -> Figure:
    """Losses, gradient norms, and the cosine between the two gradients with the forget weight (ξ), by step."""
    from plotly.subplots import make_subplots

    panels = {
        "losses": ["forget_loss", "retain_loss"],
        "gradient norms": ["forget_gradient_norm", "retain_gradient_norm", "direction_norm"],
        "cosine and forget weight ξ": ["gradient_cosine", "forget_weight"],
    }
    validated = [name for name in ("validation_forget_nll", "validation_retain_nll") if name in log]
    if validated:
        panels["validation, nats a token"] = validated
    figure = make_subplots(rows=1, cols=len(panels), subplot_titles=list(panels))
    for column, (title, names) in enumerate(panels.items(), start=1):
        for name in [n for n in names if n in log]:
            like = "unlearned" if "forget" in name else "retrained" if "retain" in name else ""
            line = {"color": COLOURS.get(like, OTHER), "dash": DASHES.get(like, "dot")}
            seen = log[log[name].notna()]  # validated now and then
            figure.add_scatter(x=seen["step"], y=seen[name], name=name.replace("_", " "), line=line, row=1, col=column)
        if title == "gradient norms":
            figure.update_yaxes(type="log", exponentformat="power", row=1, col=column)
    figure.update_layout(title="Unlearning, step by step", **{**LAYOUT, "margin": {**LAYOUT["margin"], "t": 80}})
    figure.update_xaxes(title="step")
    return figure


def truth_ratios(examples: dict[str, pd.DataFrame]) -> Figure:
    """Empirical distribution of the truth ratio on the forget set, one curve per model.

    Forget quality is the p-value of the test whether the unlearned and the retrained curve are one.
    """
    from plotly.graph_objects import Figure

    figure = Figure()
    for model, frame in examples.items():
        values = np.sort(frame.loc[frame["set"] == "forget", "truth_ratio"].dropna().to_numpy(np.float64))
        if len(values):
            share = np.arange(1, len(values) + 1) / len(values)
            line = {"shape": "hv", "color": COLOURS[model], "dash": DASHES[model]}
            figure.add_scatter(x=values, y=share, name=model, line=line)
    figure.update_layout(title="Truth ratio on the forget set", **LAYOUT)
    figure.update_xaxes(title="truth ratio (wrong answers over the right one)", type="log", dtick=1)
    figure.update_yaxes(title="share of questions at or below")
    return figure
