"""Checkpoints go when the model is saved, and no others."""

import os

from blur_pipeline.training.finished import clear_finished, mark_finished


def test_only_what_this_process_finished_is_cleared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    finished, going_on, of_another = (tmp_path / "blur_npo" / name for name in ("a", "b", "c"))
    for folder in (finished, going_on, of_another):
        (folder / "step-000010").mkdir(parents=True)
        folder.with_suffix(".json").touch()
    mark_finished(finished)
    (of_another / "done").write_text(str(os.getpid()))  # as one in a container of its own may have left it
    mark_finished(tmp_path / "blur_npo" / "never had any")
    clear_finished(tmp_path.name)  # as the parameter says it, from the project's folder
    assert sorted(p.name for p in (tmp_path / "blur_npo").iterdir()) == ["b", "b.json", "c", "c.json"]


def test_what_lies_in_another_place_is_not_cleared(tmp_path, monkeypatch):
    """Another project's, or another benchmark's, whose model this node has not saved."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "one" / "npo" / "a"
    folder.mkdir(parents=True)
    mark_finished(folder)
    clear_finished("other")
    assert folder.is_dir()
    clear_finished("one")
    assert not folder.exists()
