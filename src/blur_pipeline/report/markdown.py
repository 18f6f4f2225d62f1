"""Texts of data in Markdown: they stand as they are, and neither break a table nor become HTML or a link."""

from __future__ import annotations

HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""What a Markdown reader passes on as HTML."""
MARKS = {"\\": "\\\\", "|": "\\|", "`": "\\`", "*": "\\*", "](": "]\\("}


def plain(value: object) -> str:
    """One line to stand in a table, a list or a paragraph; underscores and brackets of numbers stay readable."""
    text = " ".join(str(value).split())
    for mark, escaped in (MARKS | HTML).items():
        text = text.replace(mark, escaped)
    return text


def code(value: object) -> str:
    """One line to stand between backticks, where nothing is escaped: a backtick becomes an apostrophe."""
    return " ".join(str(value).split()).replace("`", "'")
