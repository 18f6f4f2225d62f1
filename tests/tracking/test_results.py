"""What MLflow is told of a run's parameters, and of what it read."""

import mlflow
import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.tracking.results import log_result, parameters_by_name
from tests.config.test_parameters import load
from tests.end_to_end.conftest import empty_store


@pytest.mark.parametrize("env", ["base", "tofu", "wmdp"])
def test_no_block_is_one_parameter_whatever_the_method(project, env):
    """A digest or a repr of a block differs between any two runs, and tells nothing of how."""
    parameters = check_parameters(load(project, env))
    for method in parameters.unlearning.methods:
        used = parameters.model_copy(update={"unlearning": parameters.unlearning.of(method), "method": method})
        found = parameters_by_name(used)
        assert found["method"] == method
        assert found["comparison.distance.0.metric"] == parameters.comparison.distance[0].metric
        assert not [name for name, value in found.items() if value.startswith(("{", "[{", "({")) or "kind=" in value]
        assert "unlearning.method" not in found  # it would be the same axis twice


@pytest.fixture
def run(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("lessons", artifact_location=str(tmp_path / "artifacts"))
    mlflow.set_experiment("lessons")
    with mlflow.start_run() as run:
        yield run


def test_further_sets_are_among_the_run_s_data_sets(run):
    source = {"set": "further.cot", "source": "data/cot.jsonl", "rows": 3, "sha256": "7" * 64}
    log_result("lessons_report", {"sources": [source], "sets": {}, "companions": {"refusal": 3}})
    [entry] = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert entry.dataset.name == "further.cot: cot.jsonl"
    assert entry.dataset.digest == "7" * 12
    assert [file.path for file in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)] == ["lessons_report.json"]
