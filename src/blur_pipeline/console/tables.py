"""Tables that fit: an interval goes below its value before anything is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blur_pipeline.console.wrap import NARROW, columns

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def fitting(frame: pd.DataFrame, title: str, width: int | None = None) -> Table:
    """A table of texts; what cannot fit is wider than the terminal, and never shortened.

    A cell may have several lines. The second column gives way, between words, where all do not fit.
    """
    width = width or columns() or NARROW
    table = _table(frame, title)
    if _width(table) > width:
        table = _table(frame.map(lambda cell: cell.replace(" [", "\n[").replace(" (", "\n(")), title)
        if (needed := _width(table, least=True)) > width:
            table.width = needed
    return table


def _table(frame: pd.DataFrame, title: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(frame.columns):
        longest = max(map(len, " ".join([str(name), *map(str, frame[name])]).split()))
        table.add_column(str(name), no_wrap=number != 1, min_width=longest)
    for row in frame.itertuples(index=False):
        table.add_row(*map(str, row))
    return table


def _width(table: Table, least: bool = False) -> int:
    """That it would take, or the least that cuts nothing."""
    from rich.console import Console

    console = Console(width=10_000)
    measured = console.measure(table)
    return measured.minimum if least else measured.maximum
