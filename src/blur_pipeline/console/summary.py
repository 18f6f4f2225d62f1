"""The end of a run: the result in a few lines, and where everything is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from blur_pipeline.console.wrap import columns, labelled

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
    "shadow_table": "shadow table",
    "campaign_html": "campaign",
    "campaign_settings": "settings to copy",
}
TABLES = ("metrics_table", "metrics_long", "seed_table", "shadow_table", "leaderboard", "campaign_table")
"""What of a run the summary is made of, where the run made or found it."""


def print_summary(
    places: dict[str, Path],
    tables: dict[str, pd.DataFrame],
    lines: dict[str, str],
    left: list[dict[str, str]],
    outcome: str | None = None,
) -> None:
    """Print the table, the outcome and the verdict, the places, further lines, what is ``left`` of the data.

    ``tables`` are those of ``TABLES`` that there are.
    """
    from blur_pipeline.console.screen import SCREEN

    for title, frame in _shown(tables):
        SCREEN.show(frame, title)
    if outcome:
        SCREEN.say(outcome, "bold")
    if "metrics_long" in tables:
        SCREEN.say("\n".join(_sentences(tables["metrics_long"])))
    shown = {label: str(places[name]) for name, label in PLACES.items() if name in places}
    said = [labelled(label, text, columns()) for label, text in (shown | lines).items()]
    if left:
        said.append("Your data lies in:")
        width = max(len(entry["what"]) for entry in left) + 4
        said += [labelled(f"  {e['what']}", f"{e['where']} ({e['size']})", columns(), width) for e in left]
    SCREEN.say("\n".join(said))


def _shown(tables: dict[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    from blur_pipeline.report.console_tables import of_shadows, over_the_seeds, ranking

    found = []
    if "metrics_table" in tables:
        found.append(("Metrics, with 95 % intervals", tables["metrics_table"]))
    if "seed_table" in tables:
        found.append(("Over the seeds", over_the_seeds(tables["seed_table"])))
    if "shadow_table" in tables:
        found.append((f"{tables['shadow_table']['models'].max()} shadow models", of_shadows(tables["shadow_table"])))
    for name, title in (("leaderboard", "Leaderboard"), ("campaign_table", "What was chosen")):
        if name in tables and len(tables[name]):
            found.append((title, ranking(tables[name])))
    return found


def _sentences(metrics: pd.DataFrame) -> list[str]:
    """The verdict, and why what a reader looks for is not there."""
    from blur_pipeline.report.tables import main_metrics, reasons
    from blur_pipeline.report.verdict import verdict

    absent = main_metrics(metrics)
    absent = absent[absent["value"].map(math.isnan)]
    return [*(f"• {said}" for said in verdict(metrics)), *(f"• Absent: {said}." for said in reasons(absent))]
