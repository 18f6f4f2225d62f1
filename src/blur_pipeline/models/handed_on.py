"""An unlearned model as it is handed on: with the tokenizer it was trained by, and a page that says what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CARD = "README.md"
"""The page of a model's folder that the hub shows."""


@dataclass(frozen=True)
class HandedOn:
    """Weights alone are of little use: without its tokenizer a model reads nothing, or other words."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    card: str
    """Markdown, with what the hub reads in front."""

    def save_pretrained(self, folder: Path) -> None:
        """All three in one folder, as transformers loads them."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        (folder / CARD).write_text(self.card)
