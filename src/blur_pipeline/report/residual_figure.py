"""How much comes back, step by step of each attack that trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from blur_pipeline.report.colours import COLOURS, DASHES, SYMBOLS
from blur_pipeline.report.figures import LAYOUT

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STEPS = "steps"
PANELS, ACROSS, TALL = 6, 3, 300
"""So many panels are drawn, in rows of so many, each so high: those of the attacks that found most."""


def curves(states: pd.DataFrame, attacks: pd.DataFrame, measure: str, control: bool) -> Figure:
    """What target, retrained and unlearned model know of the forget answers, from before the attack on; a panel a form.

    Empty where no attack counts its budget in steps. ``states`` and ``attacks`` as ``metrics/residual.py`` has them.
    """
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    panels = _panels(states, attacks)
    if not panels:
        return Figure()
    rows = -(-len(panels) // ACROSS)
    titles = [", ".join(part for part in panel if part) for panel in panels]
    figure = make_subplots(rows, min(ACROSS, len(panels)), subplot_titles=titles, shared_yaxes=True,
                           vertical_spacing=0.32 / rows)  # fmt: skip
    names = {"target": "target", "retrained": "control" if control else "retrained", "unlearned": "unlearned"}
    for number, part in enumerate(panels.values()):
        row, column = 1 + number // ACROSS, 1 + number % ACROSS
        for model, name in names.items():
            known = part.dropna(subset=[model])
            x, y = [0, *known["budget"]], [*known[f"{model}_before"][:1], *known[model]]
            figure.add_scatter(x=x[: len(y)], y=y, name=name, mode="lines+markers",
                               line={"color": COLOURS[model], "dash": DASHES[model]}, marker_symbol=SYMBOLS[model],
                               legendgroup=name, showlegend=number == 0, row=row, col=column)  # fmt: skip
        figure.update_xaxes(title="steps of the attack", row=row, col=column)
    figure.update_yaxes(range=[-0.03, 1.05])
    figure.update_yaxes(title=measure.replace("_", " "), col=1)
    figure.update_annotations(font_size=13)
    margin = {**LAYOUT["margin"], "t": 80}
    figure.update_layout(
        title="What comes back under attack", **{**LAYOUT, "height": TALL * rows + 80, "margin": margin}
    )
    return figure


def _panels(states: pd.DataFrame, attacks: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """By attack and form its states, the attack that found most first; at most ``PANELS``."""
    order = {name: place for place, name in enumerate(attacks["attack"])}
    trained = states[states["unit"] == STEPS]
    found = {key: part.sort_values("budget") for key, part in trained.groupby(["attack", "variant"], sort=False)}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0][0], len(order)))[:PANELS])
