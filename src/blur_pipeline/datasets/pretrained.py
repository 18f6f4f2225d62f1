"""Versioned folders that ``save_pretrained`` writes: causal language models and tokenizers, safetensors only."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io.core import Version

from blur_pipeline.datasets.folder import FolderDataset
from blur_pipeline.models.handed_on import HandedOn
from blur_pipeline.models.sources import AbsentModel, ModelReference, PretrainedModel, SavedScores

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


NOTES = {"absent.json": AbsentModel, "saved_scores.json": SavedScores}
"""What may stand in a model's folder instead of weights."""


class _Reading(threading.local):
    """What is known of the load that this thread is about to make."""

    aside = False
    """Whether nobody will look at the weights (hooks/unread.py)."""


READING = _Reading()


class PretrainedDataset(FolderDataset):
    """What ``from_pretrained`` reads.

    Whether code that comes with it may run is said by today's parameters (``trust_remote_code``), never by what lies in
    ``data/``: a file there may have been edited.
    """

    def __init__(
        self,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        self.trust_remote_code = trust_remote_code
        super().__init__(filepath, version, metadata)


class CausalLMDataset(PretrainedDataset):
    """A causal language model in float32, a reference to one elsewhere, or a note of what stands in for one.

    One that is handed on brings its tokenizer and its page; what is loaded is the model.
    """

    def save(self, data: PreTrainedModel | HandedOn | ModelReference | AbsentModel | SavedScores) -> None:
        self._save_whole(data)

    def load(self) -> PreTrainedModel | AbsentModel | SavedScores:
        folder = Path(self._get_load_path())
        for name, note in NOTES.items():
            if (folder / name).exists():
                return note.model_validate_json((folder / name).read_text())
        if READING.aside:
            return AbsentModel(reason="nothing in this run looks at it")
        if (folder / "reference.json").exists():
            source = json.loads((folder / "reference.json").read_text())["source"]
            return PretrainedModel(**{**source, "trust_remote_code": self.trust_remote_code}).load()
        return PretrainedModel(path=str(folder), trust_remote_code=self.trust_remote_code).load()

    def _write(
        self, data: PreTrainedModel | HandedOn | ModelReference | AbsentModel | SavedScores, folder: Path
    ) -> None:
        names = {note: name for name, note in NOTES.items()} | {ModelReference: "reference.json"}
        if type(data) in names:
            (folder / names[type(data)]).write_text(data.model_dump_json(indent=1))
        else:
            data.save_pretrained(folder)


class TokenizerDataset(PretrainedDataset):
    """A tokenizer with its chat template."""

    def save(self, data: PreTrainedTokenizerBase) -> None:
        self._save_whole(data)

    def _write(self, data: PreTrainedTokenizerBase, folder: Path) -> None:
        data.save_pretrained(folder)

    def load(self) -> PreTrainedTokenizerBase:
        folder = str(self._get_load_path())
        return PretrainedModel(path=folder, trust_remote_code=self.trust_remote_code).tokenizer()
