"""Versioned folders that ``save_pretrained`` writes: causal language models and tokenizers, safetensors only."""

from __future__ import annotations

import glob
import json
import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kedro.io.core import AbstractVersionedDataset, DatasetError, Version

from blur_pipeline.models.sources import AbsentModel, ModelReference, PretrainedModel, SavedScores

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


NOTES = {"absent.json": AbsentModel, "saved_scores.json": SavedScores}
"""What may stand in a model's folder instead of weights."""


class _PretrainedFolder(AbstractVersionedDataset):
    """A folder that appears under its name only when all of it has been written."""

    def __init__(self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata
        super().__init__(PurePosixPath(filepath), version, exists_function=os.path.isdir, glob_function=glob.glob)

    def _write(self, data: Any, folder: Path) -> None:
        data.save_pretrained(folder)

    def _save_whole(self, data: Any) -> None:
        final = Path(self._get_save_path())
        partial = final.with_name(f".writing-{final.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            self._write(data, partial)
            if final.is_dir() and self._version is None:
                shutil.rmtree(final)
            partial.rename(final)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise DatasetError(f"{final}: cannot be written ({error.strerror or error}).") from error

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_dir()
        except DatasetError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}


class CausalLMDataset(_PretrainedFolder):
    """A causal language model in float32, a reference to one elsewhere, or a note of what stands in for one.

    Whether code that comes with a model may run is said by today's parameters (``trust_remote_code``), never by what
    lies in ``data/``: a file there may have been edited.
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

    def save(self, data: PreTrainedModel | ModelReference | AbsentModel | SavedScores) -> None:
        self._save_whole(data)

    def load(self) -> PreTrainedModel | AbsentModel | SavedScores:
        folder = Path(self._get_load_path())
        for name, note in NOTES.items():
            if (folder / name).exists():
                return note.model_validate_json((folder / name).read_text())
        if (folder / "reference.json").exists():
            source = json.loads((folder / "reference.json").read_text())["source"]
            return PretrainedModel(**{**source, "trust_remote_code": self.trust_remote_code}).load()
        return PretrainedModel(path=str(folder)).load()

    def _write(self, data: PreTrainedModel | ModelReference | AbsentModel | SavedScores, folder: Path) -> None:
        names = {note: name for name, note in NOTES.items()} | {ModelReference: "reference.json"}
        if type(data) in names:
            (folder / names[type(data)]).write_text(data.model_dump_json(indent=1))
        else:
            data.save_pretrained(folder)


class TokenizerDataset(_PretrainedFolder):
    """A tokenizer with its chat template."""

    def save(self, data: PreTrainedTokenizerBase) -> None:
        self._save_whole(data)

    def load(self) -> PreTrainedTokenizerBase:
        return PretrainedModel(path=str(self._get_load_path())).tokenizer()
