"""A run says what of the data it left, and where."""

from blur_pipeline.tracking.left_behind import left_behind


def test_each_kind_has_its_folder_and_size(tmp_path):
    """600 000 and 900 000 bytes of raw rows are 1.5 MB; what is not there is not named."""
    places = {}
    for name, size in (("raw_rows", 600_000), ("raw_questions", 900_000), ("target.completions", 100_000)):
        places[name] = tmp_path / name.replace(".", "/") / "file"
        places[name].parent.mkdir(parents=True)
        places[name].write_bytes(b"x" * size)
    places["forget_set"] = tmp_path / "gone"
    folders = {"kept scores": tmp_path / "none", "MLflow artifacts": tmp_path}
    assert left_behind(places, folders) == [
        {"what": "raw rows", "where": str(tmp_path), "size": "1.5 MB"},
        {"what": "scores, answers", "where": str(tmp_path / "target/completions/file"), "size": "0.1 MB"},
        {"what": "MLflow artifacts", "where": str(tmp_path), "size": "1.6 MB"},
    ]
