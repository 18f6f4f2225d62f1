"""A versioned folder, written whole or not at all."""

from __future__ import annotations

import glob
import os
import shutil
from abc import abstractmethod
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io.core import AbstractVersionedDataset, DatasetError, Version


class FolderDataset(AbstractVersionedDataset):
    """A folder that appears under its name only when all of it has been written."""

    def __init__(self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata
        super().__init__(PurePosixPath(filepath), version, exists_function=os.path.isdir, glob_function=glob.glob)

    @abstractmethod
    def _write(self, data: Any, folder: Path) -> None:
        """Put ``data`` into a folder that is there and empty."""

    def _save_whole(self, data: Any) -> None:
        """Whatever breaks it off, what was half written goes: the disk may be full.

        Raises:
            DatasetError: the disk does not take it.
        """
        final = Path(self._get_save_path())
        partial = final.with_name(f".writing-{final.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            self._write(data, partial)
            if final.is_dir() and self._version is None:
                shutil.rmtree(final)
            partial.rename(final)
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if (refused := _refused(error)) is None:
                raise
            raise DatasetError(f"{final}: cannot be written ({refused}).") from error

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_dir()
        except DatasetError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}


def _refused(error: BaseException) -> str | None:
    """What the disk says where it does not take a file; safetensors has an error of its own for that."""
    from safetensors import SafetensorError

    if isinstance(error, OSError):
        return error.strerror or str(error)
    said = str(error)
    return said.partition("I/O error: ")[2] if isinstance(error, SafetensorError) and "I/O error: " in said else None
