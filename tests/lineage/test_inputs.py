"""Files, folders and models count by what they hold, wherever they lie."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.hooks.door import DoorCheck
from blur_pipeline.hooks.lineage import Lineage
from blur_pipeline.lineage.content import LARGE, Hasher, address_of, canonical
from blur_pipeline.lineage.identities import identify
from blur_pipeline.models.digests import weights_digest
from blur_pipeline.models.sources import ModelReference, PretrainedModel
from tests.config.test_parameters import changed, load
from tests.conftest import build_tiny_model


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


def stages(raw: dict) -> dict[str, str]:
    found = identify(check_parameters(raw), Hasher())
    return {stage: found[stage].sha256 for stage in found}


def of_files(raw: dict, path) -> dict:
    return changed(raw, "sources.forget", {"kind": "files", "path": str(path)})


def test_canonical_json_is_the_same_for_equal_values():
    assert canonical({"b": 1, "a": [1.0, "ü"]}) == '{"a":[1.0,"ü"],"b":1}' == canonical({"a": [1.0, "ü"], "b": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})


def test_a_file_edited_in_place_is_another_input_and_a_moved_one_is_the_same(raw, tmp_path):
    path = tmp_path / "forget.jsonl"
    path.write_text(json.dumps({"question": "Who?", "answer": "Anna"}))
    before, times = stages(of_files(raw, path)), path.stat()
    path.write_text(json.dumps({"question": "Who?", "answer": "Hans"}))  # as long as before
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # and as old
    after = stages(of_files(raw, path))
    assert before["data"] != after["data"]
    assert before["unlearned"] != after["unlearned"]
    shutil.move(path, tmp_path / "moved.jsonl")
    assert stages(of_files(raw, tmp_path / "moved.jsonl")) == after


def test_another_chat_template_is_another_set_of_tokens(raw, tmp_path, tokenizer, tiny_model):
    """All files of a tokenizer decide the data, its template among them; a note beside it does not."""
    folder = tmp_path / "model"
    tiny_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    of_folder = changed(raw, "models.base", {"kind": "pretrained", "path": str(folder)})
    before = stages(of_folder)
    (folder / "README.md").write_text("a note")
    assert stages(of_folder) == before
    (folder / "chat_template.jinja").write_text("Q: {{ messages[0].content }}")
    assert stages(of_folder)["data"] != before["data"]


def test_a_pinned_date_decides_the_data(raw):
    chat = changed(raw, "curation.prompt", {"kind": "chat"})
    dates = [stages(changed(chat, "curation.prompt.date", date))["data"] for date in (None, "1 May 2025", "2 May 2025")]
    assert len(set(dates)) == 3


def test_the_hash_of_a_large_file_is_remembered_until_it_changes(tmp_path, monkeypatch):
    path, ran = tmp_path / "weights.bin", []
    monkeypatch.setattr("blur_pipeline.lineage.content.SETTLED_SECONDS", 0.0)
    monkeypatch.setattr("hashlib.file_digest", _counted(ran))
    hasher = Hasher(tmp_path / "memory" / "hashes.sqlite")
    path.write_bytes(bytes(LARGE))
    first = hasher.file(path)
    assert Hasher(hasher.memory).file(path) == first
    assert len(ran) == 1
    times = path.stat()
    with path.open("r+b") as file:  # in place, same size
        file.write(b"x")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert hasher.file(path) != first
    assert len(ran) == 2


def test_a_file_written_this_moment_is_not_remembered_yet(tmp_path):
    hasher = Hasher(tmp_path / "hashes.sqlite")
    (tmp_path / "large").write_bytes(bytes(LARGE))
    hasher.file(tmp_path / "large")
    assert not hasher.memory.exists()


def _counted(ran: list):
    import hashlib

    original = hashlib.file_digest

    def count(*arguments):
        ran.append(1)
        return original(*arguments)

    return count


@pytest.fixture
def model_folder(tmp_path, tokenizer):
    folder = tmp_path / "model"
    build_tiny_model(vocab=len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def of_model(raw: dict, folder) -> dict:
    raw = changed(raw, "models.base", {"kind": "pretrained", "path": str(folder)})
    return changed(raw, "curation.max_length", 32)


def test_a_base_model_replaced_in_place_is_another_one(raw, model_folder, tokenizer):
    before = stages(of_model(raw, model_folder))
    build_tiny_model(seed=1, vocab=len(tokenizer)).save_pretrained(model_folder)
    after = stages(of_model(raw, model_folder))
    assert before["data"] == after["data"]  # the same tokenizer
    assert before["base"] != after["base"]
    assert before["target"] != after["target"]


def test_two_exchanged_rows_of_weights_are_noticed(raw, model_folder):
    """Sums of weights and of their squares are the same; bytes are not."""
    before = stages(of_model(raw, model_folder))["base"]
    weights = load_file(model_folder / "model.safetensors")
    rows = weights["model.embed_tokens.weight"]
    rows[[5, 6]] = rows[[6, 5]]
    save_file(weights, model_folder / "model.safetensors", metadata={"format": "pt"})
    assert stages(of_model(raw, model_folder))["base"] != before
    one, other = build_tiny_model(), build_tiny_model()
    with torch.no_grad():
        embedding = other.model.embed_tokens.weight
        embedding[[5, 6]] = embedding[[6, 5]].clone()
    assert weights_digest(one) != weights_digest(other)
    assert weights_digest(one) == weights_digest(build_tiny_model())


def test_a_given_model_is_its_weights(raw, model_folder):
    """Neither the data nor the base model has a part in it."""
    given = changed(raw, "models.target", {"kind": "given", "path": str(model_folder)})
    before = stages(given)
    assert stages(changed(given, "models.base.hidden_size", 64))["target"] == before["target"]
    assert stages(changed(given, "curation.unicode", "NFKC"))["target"] == before["target"]
    (model_folder / "README.md").write_text("What a nice model.")
    assert stages(given) == before  # no library reads it
    (model_folder / "config.json").write_text((model_folder / "config.json").read_text() + " ")
    assert stages(given)["target"] != before["target"]


@pytest.mark.parametrize("what", ["context", "prompts", "own prompts", "task", "classifier", "judge", "scores"])
def test_every_other_file_counts_by_its_content(what, raw, tmp_path):
    path = tmp_path / "file.jsonl"
    path.write_text('{"question": "a", "answer": "b", "prompt": "c"}')
    context = {"kind": "plain", "context": {"kind": "files", "path": str(path)}}
    scores = tmp_path / "scores"
    scores.mkdir()
    (scores / "token_scores.parquet").write_text("one")
    settings, stage, changing = {
        "context": (("curation.set_prompts", {"verbmem": context}), "questions", path),
        "prompts": (("safety.sets", {"mine": {"path": str(path)}}), "safety.target", path),
        "own prompts": (("stress.attacks.prompts.path", str(path)), "stress.target", path),
        "task": (("general.tasks", {"gsm8k": {"path": str(path)}}), "general.target", path),
        "classifier": (("evaluation.gibberish_classifier", str(tmp_path)), "scores.target", path),
        "judge": (("safety.judge", str(tmp_path)), "safety.target", path),
        "scores": (
            ("models.retrained", {"kind": "scores", "path": str(scores)}),
            "retrained",
            scores / "token_scores.parquet",
        ),
    }[what]
    before = stages(changed(raw, *settings))[stage]
    changing.write_text('{"question": "a", "answer": "B", "prompt": "C"}')
    assert stages(changed(raw, *settings))[stage] != before


def test_the_order_of_sources_counts(raw):
    """It decides the order of rows, and of topics the number."""
    parts = {name: {"kind": "files", "path": "pyproject.toml", "format": "text", "rows": "documents", "first": i}
             for i, name in enumerate(("bio", "cyber"))}  # fmt: skip
    mixed = changed(raw, "sources.forget", {"kind": "mixed", "parts": parts})
    turned = changed(raw, "sources.forget", {"kind": "mixed", "parts": dict(reversed(parts.items()))})
    assert stages(mixed)["data"] != stages(turned)["data"]
    background = raw["sources"]["background"]
    turned = changed(raw, "sources.background", dict(reversed(background.items())))
    assert stages(raw)["data"] != stages(turned)["data"]


def test_how_a_file_is_read_counts(raw, tmp_path):
    (tmp_path / "rows.txt").write_text('{"question": "a", "answer": "b"}')
    before = stages(of_files(raw, tmp_path / "rows.txt"))["data"]
    (tmp_path / "rows.txt").rename(tmp_path / "rows.jsonl")
    assert stages(of_files(raw, tmp_path / "rows.jsonl"))["data"] != before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("models.target", {"kind": "given", "path": "some/model", "revision": "main"}),
        ("safety.judge", "some/judge"),
        ("evaluation.gibberish_classifier", "some/classifier"),
    ],
)
def test_what_the_hub_may_change_is_refused(key, value, raw, monkeypatch):
    monkeypatch.setattr("blur_pipeline.models.sources.PretrainedModel.config", lambda self: None)
    with pytest.raises(BadInputError, match="pin"):
        stages(changed(raw, key, value))


def test_a_reference_is_the_model_that_it_refers_to(model_folder, tmp_path):
    """The artefact is an address; its content is what lies there, and another one after a change."""
    (tmp_path / "artefact").mkdir()
    reference = ModelReference(source=PretrainedModel(path=str(model_folder)))
    (tmp_path / "artefact" / "reference.json").write_text(reference.model_dump_json())
    assert address_of(tmp_path / "artefact") == str(model_folder)
    before = Hasher().artefact(tmp_path / "artefact")
    assert before == Hasher().tree(model_folder)
    (model_folder / "config.json").write_text("{}")
    assert Hasher().artefact(tmp_path / "artefact") != before
    assert address_of(model_folder) is None


def test_an_input_edited_during_the_run_is_not_filed(raw, tmp_path):
    path = tmp_path / "forget.jsonl"
    path.write_text(json.dumps({"question": "Who?", "answer": "Anna"}))
    door = DoorCheck()
    door.parameters = check_parameters(of_files(raw, path))
    door.identities = identify(door.parameters)
    lineage = Lineage(door)
    lineage._require_same_inputs("data")
    path.write_text(json.dumps({"question": "Who?", "answer": "Hans"}))
    with pytest.raises(BadInputError, match="the stage 'data' was changed while the run went on"):
        lineage._require_same_inputs("data")


def test_a_missing_file_is_named(raw, tmp_path):
    with pytest.raises(BadInputError, match=r"gone\.jsonl: no such file"):
        stages(of_files(raw, tmp_path / "gone.jsonl"))
