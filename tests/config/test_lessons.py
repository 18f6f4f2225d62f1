"""A method whose data is not there is refused at the door, in one sentence."""

import json

import pytest

from blur_pipeline.config.door import preflight
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from tests.config.test_parameters import changed, load

MADE = {"forget_lessons", "unlearned_model"}
QUESTIONS = [{"question": "Who?", "answer": "Ann"}, {"question": "Where?", "answer": "Oslo", "other": "Rome"}]


def parameters(project, method: str, **changes):
    raw = load(project, method=method)
    for key, value in changes.items():
        raw = changed(raw, key.replace("__", "."), value)
    return check_parameters(raw)


def refuse(project, tmp_path, message: str, method: str, made=MADE, **changes):
    with pytest.raises(BadInputError, match=message) as caught:
        preflight(parameters(project, method, **changes), tmp_path / "data", made)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["dpo", "altpo", "idk", "jensun", "simdpo", "flat", "r2mu", "whp"])
def test_the_embedded_default_has_what_each_needs(method, project, tmp_path):
    preflight(parameters(project, method), tmp_path / "data", MADE)


def test_questions_without_alternatives(project, tmp_path):
    path = tmp_path / "forget.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    source = {"kind": "files", "path": str(path)}
    said = r"'altpo' needs another answer, 'alternative', .* and 2 of 2 have none \(the first is forget-000000\)"
    refuse(project, tmp_path, said, "altpo", sources__forget=source)
    mapped = {**source, "columns": {"alternative_answer": "other"}}
    refuse(project, tmp_path, "1 of 2 have none", "altpo", sources__forget=mapped)
    preflight(parameters(project, "idk", sources__forget=source), tmp_path / "data", MADE)


def test_documents_ask_nothing_that_could_be_refused(project, tmp_path):
    (tmp_path / "forget.txt").write_text("Once upon a time.")
    source = {"kind": "files", "path": str(tmp_path / "forget.txt"), "rows": "documents"}
    refuse(project, tmp_path, "'dpo' needs .*'refusal'.* documents ask nothing", "dpo", sources__forget=source)


def test_a_level_that_is_measured_on_the_holdout_needs_one(project, tmp_path):
    said = "'blur_level_holdout' measures its level on the holdout, and these parameters have none"
    refuse(project, tmp_path, said, "blur_level_holdout", sources__holdout=None)
    for there in ({}, {"sources__holdout": None, "curation__holdout_fraction": 0.1}):
        preflight(parameters(project, "blur_level_holdout", **there), tmp_path / "data", MADE)


def test_a_set_that_is_not_there(project, tmp_path):
    said = "'npo' learns from a set 'traces', which is not there; .*'sources.further.traces'"
    on = {"unlearning__methods__npo__forget": {"kind": "ga", "on": "traces"}}
    refuse(project, tmp_path, said, "npo", sources__further=None, **on)
    source = {"kind": "generated", "set": "retain"}
    preflight(parameters(project, "npo", sources__further={"traces": source}, **on), tmp_path / "data", MADE)


@pytest.mark.parametrize("kind", ["npo", "idk", "whp"])
def test_what_only_forget_rows_have(kind, project, tmp_path):
    on = {"unlearning__methods__npo__forget": {"kind": kind, "on": "traces"}}
    refuse(project, tmp_path, f"takes its loss '{kind}' on the set 'traces', but other answers", "npo", **on)


def test_refusals_and_further_files_that_are_not_there(project, tmp_path):
    refuse(project, tmp_path, "none.txt: no such file", "npo", curation__refusals={"path": "none.txt"})
    further = {"traces": {"kind": "files", "path": "none.jsonl"}}
    refuse(project, tmp_path, "none.jsonl: no such file", "npo", {"raw_further"}, sources__further=further)


@pytest.mark.parametrize("name", ["forget", "retain", "a/b", ""])
def test_a_further_set_has_a_name_of_its_own(name, project):
    with pytest.raises(BadInputError, match=r"'sources\.further"):
        parameters(project, "npo", sources__further={name: {"kind": "generated", "set": "retain"}})
