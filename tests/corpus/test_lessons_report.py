"""What unlearning alone learnt from stands beside what the models learnt from: in the report and in MLflow."""

import mlflow
import pandas as pd
import pytest

from blur_pipeline.corpus.summary import summary_table
from blur_pipeline.pipelines.reporting.nodes import gather_data_reports
from blur_pipeline.tracking.results import log_result
from tests.end_to_end.conftest import empty_store


def source(name: str) -> dict:
    return {"set": name, "source": f"data/{name}.jsonl", "rows": 3, "sha256": name[-1] * 64}


def counted(sequences: int) -> dict:
    return {"read": 3, "dropped": {"empty": 1}, "tokens": {"sequences": sequences, "tokens": 9}}


CURATION = {"sources": [source("forget")], "sets": {"forget": counted(3) | {"kept": 2}}, "overlap": {"exact": 0}}
QUESTIONS = {"sources": [source("world_facts")], "sets": {"world_facts": counted(1)}, "evaluation": {}, "too_long": {}}
QUESTIONS |= {"of_forget": {}, "looked_at": {}}


def lessons(forget_sequences: int) -> dict:
    sets = {"further.cot": counted(2), "forget": {"tokens": counted(forget_sequences)["tokens"]}}
    return {"sources": [source("further.cot")], "sets": sets, "companions": {"refusal": 3, "alternative": 0}}


def test_further_sets_and_companions_are_in_the_data_report():
    found = gather_data_reports(CURATION, QUESTIONS, lessons(3))
    assert [entry["set"] for entry in found["sources"]] == ["forget", "further.cot", "world_facts"]
    assert list(found["sets"]) == ["forget", "further.cot", "world_facts"]
    assert found["sets"]["forget"] == CURATION["sets"]["forget"]
    assert found["companions"] == {"refusal": 3}


def test_a_part_or_a_variant_of_the_forget_set_has_a_row_of_its_own():
    found = gather_data_reports(CURATION, QUESTIONS, lessons(1))
    table = summary_table(found).set_index("set")
    assert table["sequences"].to_dict() == {"forget": 3, "forget (lessons)": 1, "further.cot": 2, "world_facts": 1}
    assert pd.isna(table.loc["forget (lessons)", "rows read"])


@pytest.fixture
def run(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("lessons", artifact_location=str(tmp_path / "artifacts"))
    mlflow.set_experiment("lessons")
    with mlflow.start_run() as run:
        yield run


def test_mlflow_has_them_among_the_run_s_data_sets(run):
    log_result("lessons_report", lessons(3))
    [entry] = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert entry.dataset.name == "further.cot: further.cot.jsonl"
    assert entry.dataset.digest == "t" * 12
    assert [file.path for file in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)] == ["lessons_report.json"]
