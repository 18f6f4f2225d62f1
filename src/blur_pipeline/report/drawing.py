"""Plotly's figures as drawings in a page: SVG, each panel by itself.

plotly's script alone has 4.8 MB and needs a screen. A drawing has some kilobytes, prints, takes its colours from the
style sheet of the page, and what stands at a point is told when the pointer rests there. The figures lie beside the
page as plotly's JSON, for whoever wants their numbers.
"""

from __future__ import annotations

import functools
import io
import json
import re
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from blur_pipeline.report.colours import INK, LINE, VARIABLES
from blur_pipeline.report.panels import Panel, panels_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ALONE, BESIDE, WIDE = (500, 360), (335, 300), (1000, 520)
"""Width and height of a panel: the only one of its figure, one of several, and one with many names in it."""
WITHOUT_IDS = re.compile(r'<g id="[^"]*">')
HEAD = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
COORDINATES = re.compile(r' d="[^"]*"')
DECIMALS = re.compile(r"(\.\d\d)\d+")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "blur_pipeline",  # the same figure is the same text
    "text.parse_math": False,  # what data say is no formula
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


class Drawing(NamedTuple):
    """What a page shows of a figure."""

    title: str
    panels: tuple[str, ...]
    wide: bool
    """Many names stand in it: on a narrow screen it is scrolled and not shrunk."""


def drawing(figure: Figure) -> Drawing:
    """Every panel as an SVG element, with the title of the figure."""
    return _drawn(json.dumps(json.loads(figure.to_json()), sort_keys=True))  # a saved one has another order


@functools.lru_cache(maxsize=32)
def _drawn(content: str) -> Drawing:
    """Once a run: MLflow shows each figure by itself and the report shows them all."""
    from plotly.graph_objects import Figure

    figure = Figure(json.loads(content))
    panels = panels_of(figure)
    wide = len(panels) == 1 and (figure.layout.height or 0) > 500
    size = WIDE if wide else ALONE if len(panels) == 1 else BESIDE
    return Drawing(figure.layout.title.text or "", tuple(_svg(panel, size) for panel in panels), wide)


def _svg(panel: Panel, size: tuple[int, int]) -> str:
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    from blur_pipeline.report.marks import draw

    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(size[0] / 72, size[1] / 72), layout="constrained")
        hints = draw(panel, canvas)
        file = io.StringIO()
        canvas.savefig(file, format="svg", metadata={"Date": None})
    return _for_a_page(file.getvalue(), hints, size[0])


def _for_a_page(text: str, hints: dict[str, str], width: int) -> str:
    """Without what a file has and a page needs not; hints in place, colours by name, coordinates to a hundredth."""
    text = METADATA.sub("", text[text.index("<svg") :])
    text = WITHOUT_IDS.sub(lambda found: _group(found[0], hints), text)
    text = COORDINATES.sub(lambda found: DECIMALS.sub(r"\1", found[0]), text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    head = rf'<svg viewBox="\1" style="max-width: {1.25 * width:.0f}px">'
    return HEAD.sub(head, text, count=1)


def _group(head: str, hints: dict[str, Any]) -> str:
    hint = hints.get(head[len('<g id="') : -2])
    return f"<g><title>{escape(hint)}</title>" if hint else "<g>"
