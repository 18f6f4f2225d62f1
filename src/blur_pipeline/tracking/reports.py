"""Where the reports of runs lie, as far as they still do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from blur_pipeline.lineage.identities import SHORT

REPORTS = Path("data/08_reporting")


def reports_of(run_ids: Iterable[str], place: str) -> dict[str, str]:
    """The newest report of each run that has one on this disk: its path below the folder of its ``place``.

    Empty of a run whose report was removed, or made on another machine.
    """
    import mlflow

    client, folder, found = mlflow.MlflowClient(), REPORTS / place, {}
    for run_id in dict.fromkeys(run_ids):
        tags = client.get_run(run_id).data.tags
        model, report = (tags.get(f"identity.{stage}", "-")[:SHORT] for stage in ("unlearned", "report"))
        versions = sorted(folder.glob(f"*-{model}/report-{report}/report.html/*/report.html"))
        found[run_id] = versions[-1].relative_to(folder).as_posix() if versions else ""
    return found
