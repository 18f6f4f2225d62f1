"""The Python of docs/tracking.md does what the page says, in a project in which the default run has finished."""

from tests.conftest import PROJECT
from tests.documentation.pages import blocks


def test_the_registered_model_is_loaded_by_the_page_s_code(finished, monkeypatch):
    monkeypatch.chdir(finished)
    (block,) = blocks(PROJECT / "docs" / "tracking.md", "python")
    names: dict = {}
    exec(block.text, names)
    (answer,) = names["answers"]
    assert isinstance(answer, str)
