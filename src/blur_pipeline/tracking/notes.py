"""What MLflow shows as a description, in Markdown: the outcome in words, the headline, and where the rest is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blur_pipeline.report.markdown import plain

if TYPE_CHECKING:
    import pandas as pd

    from blur_pipeline.report.outcome import Outcome

NOTE = "mlflow.note.content"
LIMIT = 7500
"""Characters: MLflow cuts the value of a tag at 8000."""


def page_of(experiment_id: str, run_id: str | None = None, artifact: str | None = None) -> str:
    """The address of a page below that of the server, on which MLflow shows runs rather than traces."""
    where = f"#/experiments/{experiment_id}/runs" + (f"/{run_id}" if run_id else "")
    return where + (f"/artifacts/{artifact}" if artifact else "") + "?workflowType=machine_learning"


def verdict_note(outcome: Outcome, sentences: list[str]) -> str:
    """The outcome, and the sentences as a list; without marks in the first line, which lists show as it is."""
    return "\n".join([plain(outcome), "", *(f"- {plain(said)}" for said in sentences)])


def failed(error: Exception) -> str:
    """Why a run ended too early, in a line."""
    said = str(error).strip().splitlines() or [""]
    return f"**Failed**: {type(error).__name__}: {plain(said[0])}"


def write_note(text: str, artifacts: Sequence[str] = ()) -> None:
    """Describe the active run: links to these of its artifacts, then the text as far as it fits."""
    import mlflow

    run = mlflow.active_run()
    if not run:
        return
    pages = {name: page_of(run.info.experiment_id, run.info.run_id, name) for name in artifacts}
    links = " · ".join(f"[{name}]({page})" for name, page in pages.items())
    mlflow.set_tag(NOTE, f"{links}\n\n{fitted(text, LIMIT - len(links))}".strip())


def fitted(text: str, limit: int = LIMIT) -> str:
    """Whole lines of it, as many as fit."""
    return text if len(text) <= limit else text[: limit - 3].rpartition("\n")[0] + "\n\n…"


def markdown_table(table: pd.DataFrame) -> str:
    """A line of heads, and one a row."""
    lines = [table.columns, *table.itertuples(index=False)]
    rows = [f"| {' | '.join(map(plain, line))} |" for line in lines]
    return "\n".join([rows[0], "|" + " --- |" * len(table.columns), *rows[1:]])
