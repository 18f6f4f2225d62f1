"""The environments of conf/: folders with parameters of their own, each said in the comment that they begin with."""

from __future__ import annotations

from pathlib import Path

BASE, ITS_FILE = "base", "parameters/run.yml"


def embedded_default(conf: Path) -> str:
    """What the parameters of conf/base say of themselves."""
    return first_comment((conf / BASE / ITS_FILE).read_text())


def environments(conf: Path) -> dict[str, str]:
    """By name what ``conf/NAME/parameters.yml`` says of itself; the embedded default, conf/base, is none of them."""
    files = sorted(conf.glob("*/parameters.yml"))
    return {file.parent.name: first_comment(file.read_text()) for file in files if file.parent.name != BASE}


def first_comment(text: str) -> str:
    """The lines of a YAML file before the first that is no comment, as they stand there."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" ").rstrip())
    return "\n".join(lines)
