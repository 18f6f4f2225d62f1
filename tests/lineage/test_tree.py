"""Manifests: when an artefact counts as made, and what the tree of it tells."""

from pathlib import Path

import pytest

from blur_pipeline.lineage.content import Hasher
from blur_pipeline.lineage.manifest import manifest_path, newest_whole, read_manifest
from blur_pipeline.lineage.tree import ancestry, faults, find_artefacts, gone
from tests.lineage.making import IDENTITY, make, path_of


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_only_with_its_manifest_an_artefact_is_made():
    old = make("model", "2026-01-01", "old")
    new = make("model", "2026-01-02", "new")
    folder = path_of(old).parents[1]
    assert newest_whole(folder, IDENTITY) == new
    manifest_path(path_of(new)).unlink()  # killed before it was written
    assert newest_whole(folder, IDENTITY) == old
    assert newest_whole(folder, "another identity") is None
    manifest_path(path_of(old)).write_text("{")
    assert newest_whole(folder, IDENTITY) is None
    assert read_manifest(path_of(old)) is None


def test_the_tree_tells_each_parent_once():
    data = make("data", "1", "rows")
    target = make("target", "1", "weights", data)
    model = make("model", "1", "fewer weights", target, data)
    links = list(ancestry(path_of(model), "model"))
    assert [(link.name, link.depth) for link in links] == [("model", 0), ("target", 1), ("data", 2), ("data", 1)]
    assert faults(links) == []
    assert find_artefacts(path_of(model)) == [path_of(model)]
    assert find_artefacts(path_of(model).parents[1]) == [path_of(model)]  # a dataset: its newest version
    assert len(find_artefacts(Path("data"))) == 3


def test_what_was_changed_by_hand_is_named():
    data = make("data", "1", "rows")
    target = make("target", "1", "weights", data)
    path_of(data).write_text("ROWS")
    said = faults(list(ancestry(path_of(target), "target")))
    assert said == [f"{data.path}: was changed after it was made; its content is not that of its manifest."]


def test_a_manifest_edited_by_hand_is_named():
    data = make("data", "1", "rows")
    data.model_copy(update={"made_of": {"decided_by": {"a": 2}}}).write()
    said = faults(list(ancestry(path_of(data), "data")))
    assert said == [f"{data.path}: its manifest was changed; what it says does not give its identity."]
    manifest_path(path_of(data)).write_text("{")
    assert find_artefacts(path_of(data)) == [path_of(data)]
    assert "its manifest cannot be read" in faults(list(ancestry(path_of(data), "data")))[0]


def test_what_is_gone_or_exchanged_is_named():
    data = make("data", "1", "rows")
    target = make("target", "1", "weights", data)
    path_of(data).write_text("other rows")
    changed = data.model_copy(update={"content": Hasher().tree(path_of(data))})
    changed.write()  # as if it had been made like this
    said = faults(list(ancestry(path_of(target), "target")))
    assert said == [f"{data.path}: is not what was read then; another version lies under its name."]
    data.write()
    path_of(data).unlink()
    links = list(ancestry(path_of(target), "target"))
    assert gone(links) == [f"{data.path}: is gone; its manifest is still there."]
    assert faults(links) == []  # anyone may remove anything
