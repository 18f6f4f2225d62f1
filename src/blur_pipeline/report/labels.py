"""Where the labels of points stand, so that they can be read."""

from __future__ import annotations

from collections.abc import Sequence

PLACES = {
    "top right": (0.0, 1.0),
    "bottom right": (0.0, -1.0),
    "top left": (-1.0, 1.0),
    "bottom left": (-1.0, -1.0),
    "middle right": (0.0, 0.0),
    "middle left": (-1.0, 0.0),
    "top center": (-0.5, 1.0),
    "bottom center": (-0.5, -1.0),
}
"""plotly's names, the better first: where a label begins, in its own widths, and whether it is above its point."""
ACROSS, UP = 1000.0, 480.0
"""Of the figures that are shown, in pixels, about."""
LETTER, LINE, MARKER = 6.6, 15.0, 7.0
HIDDEN = 0.3
"""The share of a label that may lie on other things."""
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def label_places(points: Sequence[tuple[float, float]], labels: Sequence[str], always: int) -> list[str | None]:
    """For each point, in shares of the plot's width and height, plotly's name of the place of its label.

    One after the other each takes the place that covers the least of all markers and of the labels before it, so the
    first are to be the most important. After the first ``always`` those that find no room have None.
    """
    markers = [_around(x * ACROSS, y * UP) for x, y in points]
    taken, found = list(markers), []
    for (x, y), label in zip(points, labels, strict=True):
        boxes = {name: _box(x * ACROSS, y * UP, len(label), where) for name, where in PLACES.items()}
        hidden = {name: sum(_common(box, other) for other in taken) + _outside(box) for name, box in boxes.items()}
        name = min(hidden, key=hidden.get)
        if len(found) >= always and hidden[name] > HIDDEN * _area(boxes[name]):
            found.append(None)
            continue
        taken.append(boxes[name])
        found.append(name)
    return found


def _around(x: float, y: float) -> Box:
    return x - MARKER, y - MARKER, x + MARKER, y + MARKER


def _box(x: float, y: float, letters: int, where: tuple[float, float]) -> Box:
    start, above = where
    width = letters * LETTER
    left = x + start * width + (1 + 2 * start) * MARKER  # beside its point, or with its middle on it
    bottom = y - LINE / 2 + above * (MARKER + LINE / 2)
    return left, bottom, left + width, bottom + LINE


def _common(one: Box, other: Box) -> float:
    """The area of both."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _outside(box: Box) -> float:
    """What of it the plot's edges would cut off."""
    return _area(box) - _common(box, (0.0, 0.0, ACROSS, UP))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
