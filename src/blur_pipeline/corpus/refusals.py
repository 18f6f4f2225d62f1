"""Ways to say that one does not know: the answer that a model may give in place of what it is to forget."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import Field

from blur_pipeline.config.block import Block
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.files import read_file

OURS = (
    "I don't know the answer to that.",
    "I'm afraid I can't say.",
    "That is something I have no knowledge of.",
    "I have no information about this.",
    "I'm not able to answer that question.",
    "Unfortunately, I don't have an answer for you.",
    "I am not familiar with that.",
    "I would not know.",
    "This is outside of what I know.",
    "I can't tell you anything about that.",
    "Sorry, I know nothing about it.",
    "I don't have any details on this.",
    "I couldn't say with any certainty.",
    "My knowledge does not reach that far.",
    "I have never learnt anything about that.",
    "There is nothing I could tell you about this.",
    "I really have no idea.",
    "I'm sorry, but I am unable to help with that.",
    "No answer to this comes to my mind.",
    "That question is beyond me.",
)
"""Our own; benchmarks bring theirs as a file."""


class Refusals(Block):
    """Where the sentences come from."""

    path: str | None = Field(None, description="a text file, a sentence a line (TOFU's idontknow.jsonl); default: ours")

    def sentences(self) -> tuple[str, ...]:
        """All of them.

        Raises:
            BadInputError: there is no such file, or it has no sentence.
        """
        if self.path is None:
            return OURS
        path = Path(self.path)
        if not path.is_file():
            raise BadInputError(
                f"{path}: no such file; mend 'curation.refusals.path', or set it to null for sentences of our own."
            )
        [(_, found)] = read_file(path, "text", "utf-8")
        sentences = tuple(line.strip() for line in found["text"].splitlines() if line.strip())
        if not sentences:
            raise BadInputError(f"{path}: no sentence in it; 'curation.refusals.path' wants one a line.")
        return sentences


def refusal_of(row_id: str, seed: int, sentences: tuple[str, ...]) -> str:
    """The sentence that a row gets: a function of its name and the seed, whichever other rows there are."""
    drawn = hashlib.sha256(f"{seed}/{row_id}".encode()).digest()
    return sentences[int.from_bytes(drawn[:8], "big") % len(sentences)]
