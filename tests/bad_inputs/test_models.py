"""Every model that cannot be used is refused before work is spent, in one sentence that names it."""

import re
import shutil
from pathlib import Path

import pytest

from blur_pipeline.config import door
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from tests.bad_inputs.models import ROWS
from tests.config.test_parameters import changed, load

MADE = {"raw_rows", "base_model", "target_model"}


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


@pytest.fixture(scope="module")
def good(tmp_path_factory, tiny_speaker, tokenizer) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    tiny_speaker.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_good_model_passes(raw, good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(good, "good")
    pretrained = {"kind": "pretrained", "path": "good"}
    given = changed(changed(raw, "models.base", pretrained), "models.target", {"kind": "given", "path": "good"})
    given = changed(given, "models.retrained", {"kind": "absent", "reason": "nobody has one"})
    door.preflight(check_parameters(given), tmp_path / "data", MADE)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_model_that_cannot_be_used_is_one_sentence(row, raw, good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(door, "TEMPLATE_SECONDS", 0.3)
    for name in ("good", "model"):
        shutil.copytree(good, name)
    row.spoil(Path("model"))
    for key, value in row.changes:
        raw = changed(raw, key, value)
    parameters = check_parameters(raw)
    with pytest.raises(BadInputError) as caught:
        door.preflight(parameters, tmp_path / "data", MADE)
    assert re.search(row.words, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
