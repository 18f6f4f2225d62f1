"""A plotly figure taken apart into its panels: what lies on which axes, and what these say."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class Axis(NamedTuple):
    """What is said of an axis."""

    title: str
    log: bool
    range: tuple[float, float] | None
    from_zero: bool


class Level(NamedTuple):
    """A line across the whole panel, with its name."""

    y: float
    text: str
    colour: str


@dataclass(frozen=True)
class Panel:
    """Two axes and the traces on them."""

    title: str
    across: Axis
    up: Axis
    traces: list[Any]
    legend: bool
    levels: list[Level] = field(default_factory=list)


def panels_of(figure: Figure) -> list[Panel]:
    """In the order in which they were made. Titles of panels are the notes that plotly places on the paper."""
    layout = figure.layout
    keys = list(dict.fromkeys((trace.xaxis or "x", trace.yaxis or "y") for trace in figure.data))
    titles = [note.text for note in layout.annotations if note.xref == "paper"]
    titles += [""] * (len(keys) - len(titles))
    panels = []
    for title, (x, y) in zip(titles, keys, strict=False):
        traces = [trace for trace in figure.data if (trace.xaxis or "x", trace.yaxis or "y") == (x, y)]
        axes = (_axis(layout, x), _axis(layout, y))
        panels.append(Panel(title, *axes, traces, layout.showlegend is not False, _levels(layout, y)))
    return panels


def numbers(values: Any) -> np.ndarray:
    """A trace's numbers: plotly's JSON packs arrays, and ``Figure`` leaves them packed."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"])).astype(np.float64)
    return np.asarray([] if values is None else values, np.float64)


def _axis(layout: Any, key: str) -> Axis:
    """An axis that matches another one, as in a row of panels, has the other's title."""
    axis = layout[f"{key[0]}axis{key[1:]}"]
    title = axis.title.text or (layout[f"{axis.matches[0]}axis{axis.matches[1:]}"].title.text if axis.matches else "")
    log = axis.type == "log"
    ends = None if axis.range is None else tuple(10.0**end if log else float(end) for end in axis.range)
    return Axis(title or "", log, ends, axis.rangemode == "tozero")


def _levels(layout: Any, key: str) -> list[Level]:
    texts = {note.y: note.text for note in layout.annotations if note.yref == key}
    lines = [shape for shape in layout.shapes if shape.yref == key and shape.y0 == shape.y1]
    return [Level(line.y0, texts.get(line.y0, ""), line.line.color) for line in lines]
