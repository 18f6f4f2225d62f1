"""What stands on the pages: blocks by language, and the commands in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.conftest import PROJECT

PAGES = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((PROJECT / "docs").rglob("*.md"))
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )*(?:kedro|make|python -m) [^`]+)`")
ASSIGNED = re.compile(r"[A-Z_]+=\S+")


class Block(NamedTuple):
    """A fenced block."""

    page: Path
    language: str
    text: str


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The fenced blocks of a page, those of one ``language`` or all."""
    found = []
    for match in FENCE.finditer(page.read_text()):
        lines = [line.removeprefix(match["indent"]) for line in match["text"].splitlines()]
        found.append(Block(page, match["language"], "\n".join(lines)))
    return [block for block in found if language in (None, block.language)]


def commands(page: Path) -> list[list[str]]:
    """Every command of a page, cut into words: the lines of blocks without a language, and code within a line.

    A line that begins with what no shell knows, such as what a command printed, is none.
    """
    lines = [line for block in blocks(page, "") for line in block.text.replace("\\\n", " ").splitlines()]
    text = FENCE.sub("", page.read_text()).replace("\n", " ")
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in [*lines, *INLINE.findall(text)] if line]
    return [_without_environment(each) for each in words if each]


def _without_environment(words: list[str]) -> list[str]:
    while words and ASSIGNED.fullmatch(words[0]):
        words = words[1:]
    return words
