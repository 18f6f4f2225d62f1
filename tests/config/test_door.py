"""What must hold before any work is spent."""

import json
import os

import pytest
import torch
from transformers import AutoConfig

from blur_pipeline.config.door import preflight, require_inputs
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.sources import FileSource
from tests.config.test_parameters import changed, load

ALL = {"raw_rows", "raw_questions", "base_model", "target_model"}


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


def refuse(raw, tmp_path, message, **changes):
    for key, value in changes.items():
        raw = changed(raw, key.replace("__", "."), value)
    with pytest.raises(BadInputError, match=message) as caught:
        preflight(check_parameters(raw), tmp_path / "data", ALL)
    assert "\n" not in str(caught.value)


def test_the_embedded_default_passes(raw, tmp_path):
    preflight(check_parameters(raw), tmp_path / "data", ALL)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_missing_file(raw, tmp_path):
    source = {"kind": "files", "path": str(tmp_path / "none.jsonl")}
    refuse(raw, tmp_path, "none.jsonl: no such file or folder", sources__forget=source)


def test_a_folder_in_which_runs_keep_their_own_copies(raw, tmp_path):
    """Read again they would double the rows; cleaned up, one's own files would go with them."""
    rows = tmp_path / "mine"
    for name in ("data-12345678/raw_rows", "own"):
        (rows / name).mkdir(parents=True)
    (rows / "forget.jsonl").write_text('{"question": "?", "answer": "!"}')
    (rows / "own" / "manifest.json").write_text("{}")
    source = {"kind": "files", "path": str(rows)}
    assert FileSource(**source).files() == [rows / "forget.jsonl", rows / "own" / "manifest.json"]
    (rows / "data-12345678/raw_rows/manifest.json").write_text('{"made_of": {}}')
    message = r"mine: runs keep their own copies of rows in there \(data-12345678/raw_rows\); put yours"
    refuse(raw, tmp_path, message, sources__forget=source)
    source["path"] += "/forget.jsonl"
    assert FileSource(**source).files() == [rows / "forget.jsonl"]


@pytest.fixture
def known(tmp_path, tiny_speaker, tokenizer) -> dict:
    """A model that somebody has, in a folder."""
    tiny_speaker.save_pretrained(tmp_path / "known")
    tokenizer.save_pretrained(tmp_path / "known")
    return {"path": str(tmp_path / "known")}


def test_a_retrained_model_taught_from_the_model_that_knows(raw, tmp_path, known):
    models = raw["models"] | {"base": {"kind": "pretrained", **known}, "target": {"kind": "given", **known}}
    refuse(raw, tmp_path, "retrained is to be taught from models.base, but models.target is that very", models=models)


def test_a_holdout_that_a_given_target_may_have_been_taught(raw, tmp_path, known, caplog):
    absent = {"kind": "absent", "reason": "nobody has one"}
    models = raw["models"] | {"target": {"kind": "given", **known}, "retrained": absent}
    models |= {"base": {"kind": "pretrained", **known}}
    told = changed(changed(raw, "models", models), "sources.holdout", None)
    for fraction, warned in ((0.1, True), (0.0, False)):
        caplog.clear()
        preflight(check_parameters(changed(told, "curation.holdout_fraction", fraction)), tmp_path / "data", ALL)
        assert ("takes the holdout from the retain rows, and models.target is given" in caplog.text) == warned


def test_an_adapter_without_its_model(raw, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    base = {"kind": "pretrained", "path": str(tmp_path / "adapter")}
    refuse(raw, tmp_path, "adapter: this is an adapter without its model; merge the two", models__base=base)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that the test wants absent")
def test_a_gpu_that_is_not_there(raw, tmp_path):
    refuse(raw, tmp_path, "torch sees no GPU here", device="cuda")


def test_sequences_longer_than_the_context(raw, tmp_path):
    refuse(
        raw,
        tmp_path,
        "'curation.max_length' is 999, but the model sees at most 256",
        curation__max_length=999,
    )


@pytest.mark.parametrize("model", ["target", "retrained"])
def test_sequences_longer_than_the_context_of_a_given_model(raw, tmp_path, known, model):
    """Whatever the base model sees: it is this one that reads them."""
    config = tmp_path / "known" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"max_position_embeddings": 64}))
    models = raw["models"] | {model: {"kind": "given", **known}}
    message = rf"'curation\.max_length' is 128, but models\.{model} sees at most 64 tokens; lower it"
    refuse(raw, tmp_path, message, models=models)


def test_a_chat_prompt_for_a_fresh_model(raw, tmp_path):
    refuse(raw, tmp_path, "no chat template", curation__prompt={"kind": "chat"})


def test_a_model_folder_that_is_not_there(raw, tmp_path):
    base = {"kind": "pretrained", "path": "nowhere"}
    refuse(raw, tmp_path, "no such model folder", models__base=base)


def test_a_hub_that_does_not_answer(raw, tmp_path):
    base = {"kind": "pretrained", "path": "nobody/nothing"}
    refuse(raw, tmp_path, "nobody/nothing: no causal language model could be read", models__base=base)


def test_a_model_that_is_given_on_request_says_where_to_ask(raw, tmp_path, monkeypatch):
    """As the hub's client words it."""

    def refused(*_, **__):
        raise OSError("You are trying to access a gated repo.\nMake sure to have access to it at https://hub/model.")

    monkeypatch.setattr(AutoConfig, "from_pretrained", refused)
    base = {"kind": "pretrained", "path": "somebody/guarded", "revision": "0" * 40}
    refuse(raw, tmp_path, r"gated repo\.\); ask for it on its page at the hub and log in", models__base=base)


def test_a_model_without_a_tokenizer(raw, tmp_path, tiny_model):
    tiny_model.save_pretrained(tmp_path / "model")
    base = {"kind": "pretrained", "path": str(tmp_path / "model")}
    refuse(raw, tmp_path, "tokenizer", models__base=base, curation__max_length=32)


def test_a_model_without_a_chat_template(raw, tmp_path, tiny_speaker, tokenizer):
    tiny_speaker.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    base = {"kind": "pretrained", "path": str(tmp_path / "model")}
    refuse(
        raw,
        tmp_path,
        "no chat template; use kind 'plain'",
        models__base=base,
        curation__max_length=32,
        curation__prompt={"kind": "chat"},
    )


def test_a_chat_template_that_writes_today_s_date(raw, tmp_path, tiny_speaker, tokenizer):
    """In the common prompt, and in that of one evaluation set alone."""
    tiny_speaker.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").write_text("{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}")
    given = {"models__base": {"kind": "pretrained", "path": str(tmp_path / "model")}, "curation__max_length": 32}
    refuse(raw, tmp_path, "writes today's date", **given, curation__prompt={"kind": "chat"})
    refuse(raw, tmp_path, "writes today's date", **given, curation__set_prompts={"verbmem": {"kind": "chat"}})
    pinned = changed(raw, "curation.prompt", {"kind": "chat", "date": "10 Apr 2025"})
    for key, value in given.items():
        pinned = changed(pinned, key.replace("__", "."), value)
    preflight(check_parameters(pinned), tmp_path / "data", ALL)


def test_a_given_target_that_is_not_there(raw, tmp_path):
    refuse(raw, tmp_path, "no such model folder", models__target={"kind": "given", "path": "nowhere"})


def test_a_data_folder_that_cannot_be_written(raw, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    refuse(raw, tmp_path, "data folder cannot be written")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_data_folder(raw, tmp_path):
    (tmp_path / "data").mkdir(mode=0o500)
    refuse(raw, tmp_path, "cannot be written")


def test_a_part_of_the_protocol_without_what_comes_before():
    require_inputs([])
    with pytest.raises(BadInputError, match="starts from target_model, which no run with these parameters"):
        require_inputs(["target_model"])


def test_a_run_that_reads_no_source_does_not_ask_for_its_files(raw, tmp_path):
    """A comparison, or scoring a model that is there."""
    gone = changed(raw, "sources.forget", {"kind": "files", "path": str(tmp_path / "gone.jsonl")})
    preflight(check_parameters(gone), tmp_path / "data", {"leaderboard"})
    preflight(check_parameters(gone), tmp_path / "data", {"unlearned.token_scores"})


def test_a_classifier_or_judge_that_is_not_there(raw, tmp_path):
    refuse(raw, tmp_path, "no classifier could be read there", evaluation__gibberish_classifier="nowhere")
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("prompt\nHow?\n")
    asked = {"path": str(prompts), "column": "prompt"}
    refuse(raw, tmp_path, "no such model folder", safety__sets={"mine": asked}, safety__judge="nowhere")


def test_saved_scores_that_are_not_there(raw, tmp_path):
    given = {"kind": "scores", "path": str(tmp_path)}
    refuse(raw, tmp_path, r"holds no token_scores\.parquet", models__retrained=given)


@pytest.mark.parametrize(("key", "name"), [("set", "knowmem_forget"), ("kept", "real_authors"), ("kept", "holdout")])
def test_attacks_on_a_set_that_is_not_evaluated(raw, tmp_path, key, name):
    """Where nothing is attacked it does not matter."""
    without = changed(changed(raw, "sources.holdout", None), "sources.evaluation", {})
    without = changed(changed(without, "curation.holdout_fraction", 0.0), f"stress.{key}", name)
    refuse(without, tmp_path, f"'stress.{key}' is {name}, which is not evaluated here; name another set")
    preflight(check_parameters(changed(without, "stress.profile", "off")), tmp_path / "data", ALL)


def test_ifeval_without_its_sentence_splitter(raw, tmp_path, monkeypatch):
    monkeypatch.setattr("nltk.data.find", lambda *_: (_ for _ in ()).throw(LookupError("punkt_tab")))
    refuse(raw, tmp_path, r"python -m blur_pipeline\.corpus\.punkt", general__tasks={"ifeval": {"path": str(tmp_path)}})
