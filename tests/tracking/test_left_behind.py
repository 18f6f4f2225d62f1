"""A run says what of the data it left, and where."""

import pytest

from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.stress.tally import STRESS_COLUMNS
from blur_pipeline.tracking.left_behind import COPY_OF_MODEL, elsewhere, left_behind


def test_each_kind_has_its_folder_and_size(tmp_path):
    """600 000 and 900 000 bytes of raw rows are 1.5 MB; what is not there is not named."""
    places = {}
    for name, size in (("raw_rows", 600_000), ("raw_questions", 900_000), ("target.completions", 100_000)):
        places[name] = tmp_path / name.replace(".", "/") / "file"
        places[name].parent.mkdir(parents=True)
        places[name].write_bytes(b"x" * size)
    places["forget_set"] = tmp_path / "gone"
    folders = {"kept scores": [tmp_path / "none"], "MLflow artifacts": [tmp_path]}
    assert left_behind(places, folders) == [
        {"what": "raw rows", "where": str(tmp_path), "size": "1.5 MB"},
        {"what": "scores, answers", "where": str(tmp_path / "target/completions/file"), "size": "0.1 MB"},
        {"what": "MLflow artifacts", "where": str(tmp_path), "size": "1.6 MB"},
    ]


@pytest.mark.parametrize("table", [*(f"{model}.stress_answers" for model in MODELS), "unlearned.stress_control"])
def test_what_attacked_models_know_names_subjects(table, tmp_path):
    assert "subject" in STRESS_COLUMNS
    [line] = left_behind({table: tmp_path}, {})
    assert line["what"] == "scores, answers"


def test_several_copies_of_a_model_are_one_line(tmp_path):
    """Of those that MLflow has of other models beside them nothing is counted; where there is none, nothing is said."""
    for name, size in (("m-1", 700_000), ("m-2", 600_000), ("m-of another", 900_000)):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.safetensors").write_bytes(b"x" * size)
    mine = [tmp_path / "models" / name for name in ("m-1", "m-2")]
    [line] = left_behind({}, {COPY_OF_MODEL: mine})
    assert line == {"what": COPY_OF_MODEL, "where": str(tmp_path / "models"), "size": "1.3 MB"}
    assert left_behind({}, {COPY_OF_MODEL: []}) == []


def test_what_lies_with_a_server_is_named_too():
    place = "mlflow-artifacts:/1/abc/artifacts"
    [run, copy] = elsewhere(place, copied=True)
    assert run == {"what": "MLflow artifacts", "where": place, "size": "not on this machine"}
    assert copy["what"] == COPY_OF_MODEL
    assert len(elsewhere("s3://bucket/1", copied=False)) == 1
    assert elsewhere("file:///home/me/mlartifacts/1", copied=True) == []
