"""The template for a user's own files runs on the example that the project ships."""

import json
import re
import shutil

import pandas as pd
import pytest

from tests.end_to_end.commands import kedro
from tests.end_to_end.conftest import copy_project, newest

QUICK = (
    "models.base.hidden_size=32,models.base.intermediate_size=64,models.target.schedule.epochs=1,"
    "models.retrained.kind=absent,unlearning.schedule.epochs=1,evaluation.max_new_tokens=8,"
    "evaluation.bootstrap_samples=100,reporting.register_model=none"
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run in a project of its own."""
    folder = copy_project(tmp_path_factory.mktemp("own_data"))
    done = kedro(folder, "run", "--env", "own_data", "--params", QUICK)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder, done


def test_own_data_without_a_retrained_model(done):
    folder, done = done
    report = json.loads(newest(folder, "curation_report.json").read_text())
    assert report["sets"]["retain"]["dropped"]["duplicate"] == 1
    assert report["overlap"]["exact"] == 1
    summary = newest(folder, "summary.md").read_text()
    absent = next(line for line in summary.splitlines() if line.endswith("no retrained model was given or trained"))
    assert "forget_quality" in absent
    assert "membership.reference" in absent
    assert "model_utility: it is a mean of nine and lacks" in summary
    assert "the control R is the unlearned model itself on the holdout" in summary
    assert "| control 0→a |" in summary
    assert "## Where the data lies" in summary
    assert "- raw rows: data/01_raw/own_data" in summary
    assert "MLflow artifacts:" in done.stdout
    said = " ".join(done.stdout.split())
    assert "Absent: model_utility: it is a mean of nine and lacks" in said  # beside the dash in the table
    assert "Not decidable here: without a retrained model nobody knows where forget.probability" in said
    assert "Answers before and after" not in newest(folder, "report.html").read_text()  # nobody asked for them
    compared = kedro(folder, "run", "--env", "own_data", "--pipelines", "comparison", "--params", QUICK)
    assert compared.returncode == 0, compared.stdout[-3000:] + compared.stderr[-3000:]
    assert "distance, farthest in" in compared.stdout  # the table itself, and not its address alone
    assert re.search(r"^ +\(1\) +blur_npo ", compared.stdout, re.MULTILINE)
    row = pd.read_parquet(newest(folder, "leaderboard.parquet")).iloc[0]
    assert row["distance"] >= max(row["forget.probability"], row["forget.rouge"])  # to 0, and the attacks to ½
    assert row["utility_kept"] > 0
    assert "without a retrained model" in newest(folder, "leaderboard.md").read_text()


def test_what_may_stay_as_a_record_names_no_row(done):
    """docs/cleaning_up.md: the report without examples, the summary, the metrics, the manifests."""
    folder, _ = done
    rows = pd.read_json(folder / "data/01_raw/example_own_data/forget.jsonl", lines=True)
    told = set(rows["answer"]) | set(rows["question"]) | set(rows["subject"])
    kept = [newest(folder, "report.html"), newest(folder, "summary.md"), *(folder / "data").rglob("manifest.json")]
    texts = [path.read_text() for path in kept] + [pd.read_parquet(newest(folder, "metrics_long.parquet")).to_csv()]
    assert len(texts) > 10
    assert [text for text in told if any(text in kept for kept in texts)] == []
    assert told & set(pd.read_parquet(newest(folder, "forget_set.parquet"))["answer"])  # the very rows


@pytest.mark.parametrize(
    ("damaged", "read_for"),
    [
        ("evaluation_set.parquet", "05_model_input/own_data/questions-*"),
        ("forget_lessons", "06_models/own_data/blur_npo-*"),
        ("unlearned_model", "07_model_output/own_data/blur_npo-*"),
        ("unlearned.completions", "08_reporting/own_data/blur_npo-*"),
    ],
)
def test_a_damaged_artefact_is_one_sentence_that_names_it(damaged, read_for, done, tmp_path):
    """Cut to half, while what was made of it is gone and has to be made again from it."""
    folder = shutil.copytree(done[0], tmp_path / "project")
    name = damaged.replace("unlearned.completions", "completions.parquet")
    place = newest(folder, name, "07_model_output/own_data/blur_npo-*/**" if damaged != name else "**")
    file = place if place.is_file() else max(place.iterdir(), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    for made in folder.glob(f"data/{read_for}"):
        shutil.rmtree(made)
    again = kedro(folder, "run", "--env", "own_data", "--params", QUICK)
    assert again.returncode == 1
    assert "Traceback" not in again.stderr, again.stderr[-3000:]
    told = next(line for line in again.stderr.splitlines() if line.startswith("Error: "))
    assert str(place.relative_to(folder)) in told
    assert "delete it and the same command makes it again" in told
