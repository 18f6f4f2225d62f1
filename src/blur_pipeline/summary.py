"""The end of a run: the result in a few lines, and where everything is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

PLACES = {
    "report_html": "report",
    "report_markdown": "summary",
    "unlearned_model": "unlearned model",
    "curation_report": "curation report",
    "leaderboard_html": "leaderboard",
}


def print_summary(pipeline: Pipeline, catalog: DataCatalog, record: dict[str, Any]) -> None:
    """Print the metrics table and the places of what this run has made."""
    from rich.console import Console
    from rich.table import Table

    from blur_pipeline.report.pages import verdict

    console = Console(soft_wrap=True)
    made = pipeline.all_outputs()
    if "metrics_table" in made:
        frame = catalog.load("metrics_table")
        table = Table(title="Metrics, with 95 % intervals", title_justify="left")
        for column in frame.columns:
            table.add_column(column)
        for row in frame.itertuples(index=False):
            table.add_row(*row)
        Console().print(table)
        for sentence in verdict(catalog.load("metrics_long")):
            console.print(f"• {sentence}", highlight=False)
    places = {label: catalog[name] for name, label in PLACES.items() if name in made}
    for label, dataset in places.items():
        path = Path(dataset._get_load_path())
        console.print(f"{label + ':':<17}{_shown(path)}", highlight=False)
    console.print(f"{'MLflow run:':<17}{_mlflow_run()}", highlight=False)
    console.print(f"{'seconds:':<17}{record['facts']['seconds in all']}", highlight=False)


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _mlflow_run() -> str:
    import mlflow

    run = mlflow.active_run()
    if run is None:
        return "none"
    return f"{run.info.run_id} (mlflow ui --backend-store-uri {mlflow.get_tracking_uri()})"
