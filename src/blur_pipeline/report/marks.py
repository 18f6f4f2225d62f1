"""The traces of a panel as lines, marks, bars and names on matplotlib's axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from blur_pipeline.report.colours import INK
from blur_pipeline.report.panels import Axis, Level, Panel, numbers

DASHES = {None: "-", "solid": "-", "dot": ":", "dash": "--"}
SYMBOLS = {None: "o", "circle": "o", "circle-open": "o", "square": "s", "diamond": "D"}
SYMBOLS |= {"x-thin-open": "x", "triangle-down": "v"}
HOLLOW = ("circle-open", "x-thin-open")
PLACES = {"left": (-1, "right"), "center": (0, "center"), "right": (1, "left")}
HEIGHTS = {"top": (1, "bottom"), "middle": (0, "center"), "bottom": (-1, "top")}
APART = 3  # points from a mark to its name


def draw(panel: Panel, canvas: Any) -> dict[str, str]:
    """Draws the panel, and returns by the name of each group in the drawing the hint that belongs to it."""
    axes = canvas.subplots()
    hints: dict[str, str] = {}
    axes.set_title(panel.title, fontsize=12)
    for name, said in (("x", panel.across), ("y", panel.up)):
        if said.log:
            _logarithmic(axes, name)
    for trace in panel.traces:
        _trace(axes, trace, hints)
    for level in panel.levels:
        _level(axes, level)
    _ends(axes.set_xlim, axes.get_xlim, panel.across)
    _ends(axes.set_ylim, axes.get_ylim, panel.up)
    axes.set_xlabel(panel.across.title)
    axes.set_ylabel(panel.up.title)
    if panel.legend and axes.get_legend_handles_labels()[0]:
        canvas.legend(loc="outside lower center", ncols=2, fontsize=11, handlelength=2.4)
    return hints


def _logarithmic(axes: Any, name: str) -> None:
    """Numbers at the powers of ten, as they are: 0.01, 0.1, 1."""
    from matplotlib.ticker import NullFormatter

    axes.set(**{f"{name}scale": "log"})
    axis = getattr(axes, f"{name}axis")
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def _trace(axes: Any, trace: Any, hints: dict[str, str]) -> None:
    x, y, mode = numbers(trace.x), numbers(trace.y), trace.mode or "lines"
    if "lines" in mode:
        steps = {"hv": "steps-post"}.get(trace.line.shape, "default")
        style = {"linestyle": DASHES[trace.line.dash], "drawstyle": steps, "linewidth": trace.line.width or 1.6}
        shown = trace.hoverinfo != "skip"
        gid = f"trace-{len(hints)}"
        axes.plot(x, y, color=trace.line.color, gid=gid, label=trace.name if shown else None, **style)
        if shown:
            hints[gid] = trace.name or ""
    if "markers" in mode:
        for number, point in enumerate(zip(x, y, strict=False)):
            gid = f"trace-{len(hints)}"
            hints[gid] = _hint(trace, number, point)
            _point(axes, trace, number, point, gid)


def _point(axes: Any, trace: Any, number: int, point: tuple[float, float], gid: str) -> None:
    marker = trace.marker
    colour = marker.color or trace.line.color
    face = "none" if marker.symbol in HOLLOW else colour
    style = {"marker": SYMBOLS[marker.symbol], "markersize": (marker.size or 6) * 0.8, "markeredgecolor": colour}
    axes.plot(*[[value] for value in point], markerfacecolor=face, markeredgewidth=1.6, linestyle="", gid=gid, **style)
    bars = {"xerr": _bar(trace.error_x, number), "yerr": _bar(trace.error_y, number)}
    if any(bar is not None for bar in bars.values()):
        axes.errorbar(*point, **bars, fmt="none", ecolor=colour, elinewidth=0.9, capsize=2)
    if "text" in trace.mode:
        high, _, side = (trace.textposition or "middle center").partition(" ")
        (right, ha), (above, va) = PLACES[side], HEIGHTS[high]
        font = {"fontsize": trace.textfont.size or 12, "color": trace.textfont.color or colour, "ha": ha, "va": va}
        apart = APART + (marker.size or 6) * 0.4
        offset = (right * apart, above * apart)
        axes.annotate(trace.text[number], point, offset, textcoords="offset points", annotation_clip=False, **font)


def _bar(error: Any, number: int) -> np.ndarray | None:
    """Down and up, as matplotlib takes them; none where an end is unknown."""
    up, down = numbers(error.array), numbers(error.arrayminus)
    if len(up) <= number or not np.isfinite([down[number], up[number]]).all():
        return None
    return np.maximum([[down[number]], [up[number]]], 0)


def _hint(trace: Any, number: int, point: tuple[float, float]) -> str:
    said = trace.hovertext[number] if trace.hovertext else trace.name or ""
    return f"{said}: {point[0]:.3g} across, {point[1]:.3g} up"


def _level(axes: Any, level: Level) -> None:
    axes.axhline(level.y, color=level.colour, linewidth=1)
    place = axes.get_yaxis_transform()
    axes.text(1, level.y, level.text, transform=place, ha="right", va="top", fontsize=11, color=INK)


def _ends(set_ends: Any, get_ends: Any, axis: Axis) -> None:
    if axis.range is not None:
        set_ends(*axis.range)
    elif axis.from_zero:
        set_ends(min(0, get_ends()[0]))
