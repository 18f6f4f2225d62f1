"""The words by which two texts are compared, in any script."""

from __future__ import annotations

import re
import sys

IDEOGRAPHS = r"\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Han and kana: a word has about two of them."""
UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese and Khmer: alphabets without a space between words, of about five letters."""
PIECES = re.compile(rf"(?P<pairs>[{IDEOGRAPHS}]+)|(?P<fives>[{UNSPACED}]+)|(?P<word>[^\s{IDEOGRAPHS}{UNSPACED}]+)")
AROUND = ".,;:!?…'\"`()[]{}«»‹›“”„‘’‚¿¡、。，．！？；：「」『』（）《》〈〉【】।॥؟،؛"
"""Marks around a word. Not those that make another word of it, as in -5, C++ and C#."""


def same_text(question: str | None, answer: str) -> str:
    """What two rows agree in if they are the same, but for the case of letters and white space."""
    return " ".join(f"{question or ''} {answer}".casefold().split())


def words_of(text: str) -> list[str]:
    """The words of ``text`` in their order; where a script has no spaces, runs of two signs or five letters."""
    words: list[str] = []
    for piece in PIECES.finditer(text):
        if piece["word"]:
            words += [word] if (word := piece["word"].strip(AROUND)) else []
        else:
            words += _runs(piece[0], 2 if piece["pairs"] else 5)
    return [sys.intern(word) for word in words]  # a corpus says the same ones again and again


def _runs(text: str, length: int) -> list[str]:
    return [text[i : i + length] for i in range(max(1, len(text) - length + 1))]
