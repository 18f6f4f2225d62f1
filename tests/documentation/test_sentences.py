"""Troubleshooting quotes what the program says: each sentence is still said so."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import PROJECT

QUOTED = re.findall(r"^> (.+)$", (PROJECT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)


def said(node: ast.AST) -> str | None:
    """A text of the sources as a page writes it: ``…`` for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


def texts() -> set[str]:
    trees = [ast.parse(path.read_text()) for path in Path(PROJECT, "src").rglob("*.py")]
    found = (said(node) for tree in trees for node in ast.walk(tree))
    return {text.replace("%s", "…").replace("%d", "…") for text in found if text and len(text) > 20}


@pytest.fixture(scope="module")
def everything() -> set[str]:
    return texts()


@pytest.mark.parametrize("quoted", QUOTED, ids=lambda text: re.sub(r"\W+", "-", text)[:60])
def test_a_quoted_sentence_is_still_said(quoted, everything):
    wanted = re.sub(r"…+", "…", quoted)
    assert any(wanted in re.sub(r"…+", "…", text) for text in everything)


def test_a_sentence_that_nobody_says_is_found(everything):
    assert not any("…: no such row; mend the source's path" in text for text in everything)
    assert len(QUOTED) > 20
