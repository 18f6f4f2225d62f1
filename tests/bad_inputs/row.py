"""A bad input: how it is made, and what the sentence about it must say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

OWN = "conf/own_data/parameters.yml"
FORGET = "sources.forget.path"


def nothing(project: Path) -> None:
    """The bad input is on the command line."""


@dataclass(frozen=True)
class BadInput:
    """One row of the tables.

    ``make`` spoils a project as it is shipped; ``params`` follow ``--params``. ``words`` is a regular expression that
    the sentence must hold: the file, line or key. ``seen`` are environment variables. ``opened``: it comes up in a run
    that was opened, which is then marked as failed.
    """

    name: str
    words: str
    make: Callable[[Path], None] = nothing
    params: str = ""
    options: tuple[str, ...] = ()
    env: str = "own_data"
    seen: dict[str, str] = field(default_factory=dict)
    opened: bool = False

    def arguments(self) -> list[str]:
        """What follows ``kedro run``."""
        said = ["--env", self.env, *self.options]
        return [*said, "--params", self.params] if self.params else said

    def check(self, said: str) -> None:
        """One sentence, and the right one."""
        assert re.search(self.words, said), f"{said!r} does not say {self.words!r}"
        assert said.startswith("Error: "), said
        assert len(said.strip().splitlines()) == 1, said


def lines(*said: str, path: str = OWN) -> Callable[[Path], None]:
    """Puts lines at the end of a file of the project, which may be new."""

    def make(project: Path) -> None:
        file = project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + "\n".join(said) + "\n")

    return make


def bytes_in(path: str, content: bytes) -> Callable[[Path], None]:
    """A file of the project with exactly these bytes."""

    def make(project: Path) -> None:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_bytes(content)

    return make


def changed(**values: object) -> Callable[[Path], None]:
    """Parameters of own_data by dotted names, dots written as two underscores: values that YAML alone can hold."""

    def make(project: Path) -> None:
        tree = yaml.safe_load((project / OWN).read_text())
        for name, value in values.items():
            *path, last = name.split("__")
            branch = tree
            for part in path:
                branch = branch.setdefault(part, {})
            branch[last] = value
        (project / OWN).write_text(yaml.safe_dump(tree))

    return make


def both(*makes: Callable[[Path], None]) -> Callable[[Path], None]:
    """One after the other."""

    def make(project: Path) -> None:
        for one in makes:
            one(project)

    return make
