"""Blocks of Python and JSON on the pages."""

import ast
import json
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.documentation.pages import PAGES, blocks

KNOWN = {"", "text", "yaml", "python", "json"}


def named(language: str) -> list:
    found = [(page.stem, block) for page in PAGES for block in blocks(page, language)]
    return [pytest.param(block, id=f"{name}-{i}") for i, (name, block) in enumerate(found)]


def classes_of_the_sources() -> dict[str, list[ast.ClassDef]]:
    found: dict[str, list[ast.ClassDef]] = {}
    for path in sorted(Path(PROJECT, "src").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


class WithoutWords(ast.NodeTransformer):
    """What a class computes, whatever its docstrings and its fields' descriptions say."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
        return self.generic_visit(node)


@pytest.mark.parametrize("block", named("python"))
def test_python_compiles_and_classes_are_those_of_the_sources(block):
    tree = ast.parse(block.text)
    known = classes_of_the_sources()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            same = [ast.dump(WithoutWords().visit(other)) for other in known[node.name]]
            assert ast.dump(WithoutWords().visit(node)) in same


@pytest.mark.parametrize("block", named("json"))
def test_json_is_json(block):
    json.loads(block.text)


def test_no_block_is_of_a_language_that_nobody_checks():
    """An empty one is commands, text what is printed."""
    assert {block.language for page in PAGES for block in blocks(page)} <= KNOWN
