"""Models and tokenizers in the catalog: whole or not there, safetensors only."""

import json
import sys

import pytest
import torch
from kedro.io.core import DatasetError, Version
from safetensors import SafetensorError
from transformers import AutoTokenizer, dynamic_module_utils

from blur_pipeline.datasets.pretrained import CausalLMDataset, TokenizerDataset
from blur_pipeline.models.handed_on import HandedOn
from blur_pipeline.models.sources import AbsentModel, ModelReference, PretrainedModel
from tests.own_code import write_model, write_tokenizer


def dataset(tmp_path, version="one", kind=CausalLMDataset):
    return kind(str(tmp_path / "model"), Version(None, version))


def test_a_model_comes_back_with_the_same_weights(tmp_path, tiny_model):
    dataset(tmp_path).save(tiny_model)
    loaded = dataset(tmp_path).load()
    for name, parameter in tiny_model.named_parameters():
        assert torch.equal(parameter, dict(loaded.named_parameters())[name])
    files = {p.suffix for p in (tmp_path / "model" / "one" / "model").iterdir()}
    assert files == {".json", ".safetensors"}


def test_a_model_that_is_handed_on_brings_its_tokenizer_and_its_page(tmp_path, tiny_speaker, tokenizer):
    """What is loaded is the model, and anybody's transformers reads the tokenizer in the same folder."""
    dataset(tmp_path).save(HandedOn(tiny_speaker, tokenizer, "# A model\n"))
    assert dataset(tmp_path).load().num_parameters() == tiny_speaker.num_parameters()
    folder = tmp_path / "model" / "one" / "model"
    assert AutoTokenizer.from_pretrained(folder)("The cat")["input_ids"] == tokenizer("The cat")["input_ids"]
    assert (folder / "README.md").read_text() == "# A model\n"


def test_the_latest_version_is_loaded(tmp_path):
    for version in ("2026-01-01", "2026-01-02"):
        dataset(tmp_path, version).save(AbsentModel(reason=version))
    assert CausalLMDataset(str(tmp_path / "model"), Version(None, None)).load().reason == "2026-01-02"


def test_a_save_that_breaks_off_leaves_no_version(tmp_path, tiny_model, monkeypatch):
    dataset(tmp_path, "1").save(tiny_model)

    def no_space(folder):
        (folder / "half.safetensors").write_bytes(b"0")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tiny_model, "save_pretrained", no_space)
    with pytest.raises(DatasetError, match="No space left"):
        dataset(tmp_path, "2").save(tiny_model)
    latest = CausalLMDataset(str(tmp_path / "model"), Version(None, None))
    assert latest.resolve_load_version() == "1"
    assert not list(tmp_path.rglob("half.safetensors"))


@pytest.mark.parametrize(
    ("broken", "seen"),
    [
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), DatasetError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_whatever_breaks_a_save_off_nothing_of_it_stays_on_the_disk(tmp_path, tiny_model, monkeypatch, broken, seen):
    """safetensors has an error of its own for a full disk; on that disk lay what was half written."""

    def break_off(folder):
        (folder / "half.safetensors").write_bytes(b"0")
        raise broken

    monkeypatch.setattr(tiny_model, "save_pretrained", break_off)
    with pytest.raises(seen, match="No space left" if seen is DatasetError else None):
        dataset(tmp_path).save(tiny_model)
    assert not list(tmp_path.rglob("half.safetensors"))


def test_a_reference_keeps_the_address_and_loads_the_model(tmp_path, tiny_model):
    tiny_model.save_pretrained(tmp_path / "elsewhere")
    dataset(tmp_path).save(ModelReference(source=PretrainedModel(path=str(tmp_path / "elsewhere"))))
    assert not list((tmp_path / "model").rglob("*.safetensors"))
    assert dataset(tmp_path).load().num_parameters() == tiny_model.num_parameters()


@pytest.mark.parametrize("trusted", [False, True])
def test_code_beside_a_model_runs_only_where_today_s_parameters_trust_it(trusted, tmp_path, tiny_model):
    """A reference edited by hand to say that it is trusted runs nothing."""
    folder, trace = tmp_path / "elsewhere", tmp_path / "code ran"
    tiny_model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    code = f"from transformers import LlamaConfig\nopen({str(trace)!r}, 'w').close()\n"
    (folder / "own.py").write_text(f"{code}class Own(LlamaConfig):\n    model_type = 'own'\n")
    dataset(tmp_path).save(ModelReference(source=PretrainedModel(path=str(folder), trust_remote_code=True)))
    catalog = CausalLMDataset(str(tmp_path / "model"), Version(None, "one"), trust_remote_code=trusted)
    with pytest.raises(DatasetError):  # the code brings no model
        catalog.load()
    assert trace.exists() == trusted


@pytest.fixture
def own_modules(tmp_path, monkeypatch):
    """Where transformers copies code to."""
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "modules"), *sys.path])


@pytest.mark.usefixtures("own_modules")
def test_what_was_made_of_a_model_with_code_of_its_own_comes_back_where_it_is_trusted(tmp_path, tokenizer):
    """Hours of unlearning lie in it; and its folder alone does not say whether the code may run."""
    folder = write_tokenizer(write_model(tmp_path / "own"), tokenizer)
    source = PretrainedModel(path=str(folder), trust_remote_code=True)
    for kind, made in ((CausalLMDataset, source.load()), (TokenizerDataset, source.tokenizer())):
        place = str(tmp_path / kind.__name__)
        kind(place, Version(None, "one"), trust_remote_code=True).save(made)
        assert kind(place, Version(None, "one"), trust_remote_code=True).load().of_its_own
        with pytest.raises(DatasetError, match="custom code"):
            kind(place, Version(None, "one")).load()


def test_a_tokenizer_comes_back(tmp_path, tokenizer):
    dataset(tmp_path, kind=TokenizerDataset).save(tokenizer)
    loaded = dataset(tmp_path, kind=TokenizerDataset).load()
    assert loaded("The cat")["input_ids"] == tokenizer("The cat")["input_ids"]
    assert loaded.eos_token_id == tokenizer.eos_token_id
