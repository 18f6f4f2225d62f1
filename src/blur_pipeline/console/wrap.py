"""Lines for a terminal: broken between words alone, so that paths, names and commands can be copied."""

from __future__ import annotations

import os
import re
import sys
import textwrap

NARROW = 80
SECOND_COLUMN = 34
COMMANDS = ("kedro ", "mlflow ", "python ")


def columns() -> int | None:
    """Of the terminal, or as COLUMNS says; None for a file or a pipe, where nothing is broken."""
    told = os.environ.get("COLUMNS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None


def wrap(text: str, width: int | None, indent: str = "  ") -> str:
    """Each line of ``text`` in lines of at most ``width``, the further ones after ``indent``; of ``label   text`` below
    the text.

    A word that is longer stays whole, and so does a line that is a command: broken, it could not be pasted.
    """
    if width is None:
        return text
    return "\n".join(_wrapped(line, width, indent) for line in text.split("\n"))


def _wrapped(line: str, width: int, indent: str) -> str:
    if len(line) <= width or line.lstrip().startswith(COMMANDS):
        return line
    begins = line[: len(line) - len(line.lstrip())]
    parts = textwrap.wrap(
        line.lstrip(),
        width,
        initial_indent=begins,
        subsequent_indent=_below(line) or begins + indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(parts)


def _below(line: str) -> str:
    """As many blanks as there are before what stands in the second column, if that is not far to the right."""
    match = re.match(r" *\S+( \S+)?   *", line)
    return " " * match.end() if match and match.end() <= SECOND_COLUMN else ""


def labelled(label: str, text: str, width: int | None, column: int = 17) -> str:
    """``label:`` and what it names; on a line of its own where both do not fit on one."""
    line = f"{label + ':':<{column - 1}} {text}"
    return line if width is None or len(line) <= width else f"{label}:\n  {text}"


def lasted(seconds: float) -> str:
    """``0.4 s``, ``41 s``, ``599 s``, ``12 min``, ``2.1 h``: three digits at most."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 599.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def about(seconds: float) -> str:
    """No finer than it is known: ``under 10 s``, ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 10:
        return "under 10 s"
    if seconds < 95:
        return f"{round(seconds / 5) * 5} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"
