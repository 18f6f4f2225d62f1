"""notebooks/compare_runs.ipynb runs from top to bottom on finished runs."""

import json
import re

import nbformat
from kedro.framework.cli.utils import _split_params
from nbclient import NotebookClient

from tests.end_to_end.conftest import SMALL, newest


def test_the_notebook_compares_both_runs(finished, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(finished / "src"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # a store that a test before this one looked at
    notebook = nbformat.read(finished / "notebooks" / "compare_runs.ipynb", as_version=4)
    setting = next(cell for cell in notebook.cells if "\nparams = {}" in cell.source)
    setting.source = setting.source.replace("params = {}", f"params = {_split_params(None, None, SMALL)}")
    client = NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(finished / "notebooks")}})
    client.execute()
    shown = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/plain" in output.get("data", {})
    ]
    table = next(text for text in shown if "trade-off" in text)
    assert "blur_npo" in table
    assert " npo" in table
    report = newest(finished, "report.html", "08_reporting/registry/blur_npo-*/**")
    made = json.loads((report.parent / "manifest.json").read_text())["made"]
    assert any(f"finished {made['finished'][:16]}, MLflow run {made['mlflow_run']}" in text for text in shown)
    drawn = [text for cell in notebook.cells for o in cell.get("outputs", []) for text in o.get("data", {}).values()]
    assert not any(re.search(r"(?:src|href|from)\s*=?\s*[\"']https?://", str(text)) for text in drawn)  # offline
    assert any(
        "application/vnd.plotly.v1+json" in o.get("data", {}) for c in notebook.cells for o in c.get("outputs", [])
    )
