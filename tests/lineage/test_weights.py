"""The hashes by which somebody who holds a model's files finds the record that is about them."""

import hashlib
import json

import pytest

from blur_pipeline.lineage.content import Hasher
from blur_pipeline.lineage.manifest import Made, Manifest
from blur_pipeline.lineage.weights import weights_of

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def manifest(folder, **said) -> Manifest:
    made = Made(node="", command="", again="", mlflow_run=None, tracking_uri=None, started="", finished="", seconds=0,
                facts={})  # fmt: skip
    names = {"dataset": "unlearned_model", "stage": "unlearned", "name": "npo-1", "identity": "1", "version": "one"}
    return Manifest(**names, path=str(folder), bytes=0, made_of={}, parents={}, made=made, **said)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "unlearned_model"
    folder.mkdir()
    for name in (*SHARDS, "config.json", "tokenizer.json"):
        (folder / name).write_text(name)
    return folder


def sums(model) -> dict[str, str]:
    return {name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in SHARDS}


def test_every_shard_is_named_and_nothing_else(model):
    content, weights = Hasher().held(model)
    assert weights == sums(model)
    assert content == Hasher().artefact(model) == Hasher().tree(model)


def test_of_a_model_elsewhere_they_are_those_of_what_lies_there(model, tmp_path):
    reference = tmp_path / "reference"
    reference.mkdir()
    (reference / "reference.json").write_text(json.dumps({"source": {"path": str(model)}}))
    assert Hasher().held(reference)[1] == sums(model)


def test_what_was_hashed_when_it_was_made_is_not_read_again(model):
    class Never(Hasher):
        def file(self, path):
            raise AssertionError(path)

    assert weights_of(manifest(model, content="c", weights={"model.safetensors": "d"}), Never()) == {
        "model.safetensors": "d"
    }


def test_a_manifest_of_before_them_is_believed_as_long_as_the_folder_is_what_it_says(model):
    before = manifest(model, content=Hasher().tree(model))
    assert weights_of(before, Hasher()) == sums(model)
    (model / SHARDS[0]).write_text("edited")
    assert weights_of(before, Hasher()) == {}
