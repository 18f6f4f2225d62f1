"""The template for a user's own files runs on the example that the project ships."""

import json

import pandas as pd

from tests.end_to_end.commands import kedro
from tests.end_to_end.conftest import copy_project, newest

QUICK = (
    "models.base.hidden_size=32,models.base.intermediate_size=64,models.target.schedule.epochs=1,"
    "models.retrained.kind=absent,unlearning.schedule.epochs=1,evaluation.max_new_tokens=8,"
    "evaluation.bootstrap_samples=100,reporting.register_model=none"
)


def test_own_data_without_a_retrained_model(tmp_path):
    folder = copy_project(tmp_path)
    done = kedro(folder, "run", "--env", "own_data", "--params", QUICK)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads(newest(folder, "curation_report.json").read_text())
    assert report["sets"]["retain"]["dropped"]["duplicate"] == 1
    assert report["overlap"]["exact"] == 1
    summary = newest(folder, "summary.md").read_text()
    absent = next(line for line in summary.splitlines() if line.endswith("no retrained model was given or trained"))
    assert "forget_quality" in absent
    assert "membership.reference" in absent
    assert "model_utility: it is a mean of nine and lacks" in summary
    done = kedro(folder, "run", "--env", "own_data", "--pipelines", "comparison", "--params", QUICK)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    row = pd.read_parquet(newest(folder, "leaderboard.parquet")).iloc[0]
    assert row["distance"] >= max(row["forget.probability"], row["forget.rouge"])  # to 0, and the attacks to ½
    assert row["utility_kept"] > 0
    assert "without a retrained model" in newest(folder, "leaderboard.md").read_text()
