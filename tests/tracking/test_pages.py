"""What MLflow's pages show of an experiment and of a run: descriptions, kind, view, data sets."""

import json

import mlflow
import pytest

from blur_pipeline.config.comparison import Comparison
from blur_pipeline.report.outcome import Outcome
from blur_pipeline.tracking.data_sets import log_data_sets
from blur_pipeline.tracking.experiment import KIND, VIEW_TAG, introduce
from blur_pipeline.tracking.notes import LIMIT, NOTE, failed, fitted, verdict_note, write_note
from tests.end_to_end.conftest import empty_store

SHA = "0123456789abcdef" * 4


@pytest.fixture
def run(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment("registry")
    with mlflow.start_run() as run:
        yield run


def test_an_experiment_is_introduced_once_and_a_user_s_words_stay(run):
    client, experiment = mlflow.MlflowClient(), run.info.experiment_id
    introduce("registry", Comparison())
    tags = client.get_experiment(experiment).tags
    assert tags[KIND] == "custom_model_development"  # else its first page is that of an app's traces
    assert tags[NOTE].startswith("Unlearning on the benchmark registry")
    assert f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey=headline" in tags[NOTE]
    client.set_experiment_tag(experiment, NOTE, "Ours.")
    introduce("registry", Comparison())
    assert client.get_experiment(experiment).tags == tags | {NOTE: "Ours."}


def test_the_view_is_one_that_mlflow_s_pages_can_read(run):
    """An envelope with a name, a time and the state as JSON within JSON."""
    introduce("registry", Comparison())
    view = json.loads(mlflow.MlflowClient().get_experiment(run.info.experiment_id).tags[VIEW_TAG])
    assert view["name"] == "Headline"
    assert isinstance(view["createdAt"], int)
    state = json.loads(view["state"])
    assert state["selectedColumns"][:4] == [
        "tags.`outcome`", "params.`method`", "params.`unlearning.seed`", "metrics.`headline/distance`",
    ]  # fmt: skip
    assert state["columnOrder"] == list(state["columnWidths"]) == state["selectedColumns"]


def test_a_run_s_description_has_the_verdict_and_links_that_are_never_cut(run):
    note = verdict_note(Outcome("not forgotten", "the gap is 0.4 | too large."), ["One.", "Two <b>."])
    assert note == "Not forgotten: the gap is 0.4 \\| too large.\n\n- One.\n- Two &lt;b&gt;."
    write_note(note + "\n" + "- more\n" * 5000, ["report.html"])
    said = mlflow.get_run(run.info.run_id).data.tags[NOTE]
    place = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/report.html"
    assert said.startswith(f"[report.html]({place}?workflowType=machine_learning)\n\nNot forgotten: the gap")
    assert said.endswith("- more\n\n…")
    assert len(said) <= LIMIT + 2


def test_what_fits_is_left_as_it_is_and_a_failure_is_one_line():
    assert fitted("a\nb") == "a\nb"
    assert fitted("aaaa\nbbbb\ncccc", 12) == "aaaa\n\n…"
    assert failed(ValueError("no\nmore")) == "**Failed**: ValueError: no"


def test_data_sets_have_context_digest_source_and_rows(run):
    said = {
        "forget": "data/forget.jsonl",
        "retain": "locuslab/TOFU@1b2c3d4e",
        "holdout": "generated registry, seed 0, holdout",
        "background.world": "data/forget.jsonl",  # the same file once more
    }
    log_data_sets([{"set": name, "source": source, "sha256": SHA, "rows": 7} for name, source in said.items()])
    found = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    sets = {entry.tags[0].value: entry.dataset for entry in found}
    assert sets.keys() == said.keys()
    assert sets["forget"].name == "forget: forget.jsonl"
    assert sets["background.world"].name == "background.world: forget.jsonl"
    assert {(s.digest, s.profile) for s in sets.values()} == {(SHA[:12], json.dumps({"num_rows": 7, "sha256": SHA}))}
    assert {name: entry.source_type for name, entry in sets.items()} == {
        "forget": "local", "retain": "hugging_face", "holdout": "code", "background.world": "local",
    }  # fmt: skip
    assert json.loads(sets["forget"].source) == {"uri": "data/forget.jsonl"}
    assert json.loads(sets["retain"].source)["revision"] == "1b2c3d4e"
