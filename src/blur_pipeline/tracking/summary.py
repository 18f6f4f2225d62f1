"""The end of a run: the result in a few lines, and where everything is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

PLACES = {
    "report_html": "report",
    "report_markdown": "summary",
    "unlearned_model": "unlearned model",
    "target_model": "target model",
    "curation_report": "curation report",
    "leaderboard_html": "leaderboard",
    "seed_table": "seed table",
    "campaign_html": "campaign",
    "campaign_settings": "settings to copy",
}
SEEDS_SHOWN = ["metric", "seeds", "min", "median", "max", "mean", "sd", "low", "high"]
OVER_SEEDS = "Over the seeds: from three on a mean, with the 95 % interval of seeds and examples"


def print_summary(
    places: dict[str, Path],
    tables: dict[str, pd.DataFrame],
    lines: dict[str, str],
    left: list[dict[str, str]],
    outcome: str | None = None,
) -> None:
    """Print the metrics table, the outcome and the verdict, the places, further lines, what is ``left`` of the data.

    ``tables`` may hold ``metrics_table`` and ``metrics_long``, ``seed_table`` and others that are left alone.
    """
    from rich.console import Console
    from rich.table import Table

    from blur_pipeline.report.tables import main_metrics
    from blur_pipeline.report.verdict import verdict

    console = Console(soft_wrap=True)
    for name, title in (("metrics_table", "Metrics, with 95 % intervals"), ("seed_table", OVER_SEEDS)):
        if name in tables:
            frame = main_metrics(tables[name])[SEEDS_SHOWN] if name == "seed_table" else tables[name]
            table = Table(title=title, title_justify="left")
            for column in frame.columns:
                table.add_column(column)
            for row in frame.itertuples(index=False):
                table.add_row(*map(_cell, row))
            Console().print(table)
    if outcome:
        console.print(outcome, style="bold", highlight=False, markup=False)
    if "metrics_long" in tables:
        for sentence in verdict(tables["metrics_long"]):
            console.print(f"• {sentence}", highlight=False, markup=False)
    shown = {label: str(places[name]) for name, label in PLACES.items() if name in places}
    for label, text in (shown | lines).items():
        console.print(f"{label + ':':<17}{text}", highlight=False, markup=False)
    if left:
        console.print("Your data lies in:", highlight=False)
    for entry in left:
        console.print(f"  {entry['what'] + ':':<17}{entry['where']} ({entry['size']})", highlight=False, markup=False)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "–" if math.isnan(value) else f"{value:.3g}"
