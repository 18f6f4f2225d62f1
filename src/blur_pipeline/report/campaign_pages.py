"""A campaign's page as one HTML file, and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from blur_pipeline.report.drawing import drawing
from blur_pipeline.report.pages import _records, _short, hints, template

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def campaign_pages(
    title: str, figure: Figure, tables: dict[str, pd.DataFrame], rules: list[str], settings: str
) -> tuple[str, str]:
    """``tables``: ``table`` of what was chosen, methods ``without`` a choice, and all that was ``tried``."""
    shown = {name: _records(frame.map(_short)) for name, frame in tables.items()}
    context = {"title": title, "rules": rules, "settings": settings, **shown, **hints(tables["table"])}
    page = template("campaign.html.jinja").render(figure=drawing(figure), **context)
    return page, template("campaign.md.jinja").render(**context)
