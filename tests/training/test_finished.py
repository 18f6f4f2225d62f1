"""Checkpoints go when the model is saved, and no others."""

from blur_pipeline.training.finished import DONE, clear_finished, mark_finished


def test_only_what_this_process_finished_is_cleared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    finished, going_on, of_another = (tmp_path / "blur_npo" / name for name in ("a", "b", "c"))
    for folder in (finished, going_on, of_another):
        (folder / "step-000010").mkdir(parents=True)
        folder.with_suffix(".json").touch()
    mark_finished(finished)
    (of_another / DONE).write_text("1")
    mark_finished(tmp_path / "blur_npo" / "never had any")
    clear_finished(tmp_path.name)  # as the parameter says it, from the project's folder
    assert sorted(p.name for p in (tmp_path / "blur_npo").iterdir()) == ["b", "b.json", "c", "c.json"]
