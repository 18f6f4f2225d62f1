"""torch.distributed.checkpoint keeps the index of its files as a pickle; it is read here without running code."""

from __future__ import annotations

import pickle
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

import torch
from torch.distributed.checkpoint import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata

INDEX_MODULES = ("torch.distributed.checkpoint.metadata", "torch.distributed.checkpoint.filesystem")
PATHS = ("Path", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")


class DataOnlyReader(FileSystemReader):
    """torch's reader, whose index may hold nothing but torch's own records, shapes, dtypes and paths, of tensors.

    A checkpoint here holds tensors alone, which torch reads without running code; what an index calls bytes it would
    unpickle whole.
    """

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """The index; UnpicklingError where it names anything else, or an entry that is no tensor."""
        with (self.path / ".metadata").open("rb") as file:
            metadata = _DataOnly(file).load()
        for key, kind in metadata.state_dict_metadata.items():
            if type(kind) is not TensorStorageMetadata:
                raise pickle.UnpicklingError(f"a checkpoint's entry {key!r} is no tensor")
        if getattr(metadata, "storage_meta", None) is not None:
            metadata.storage_meta.load_id = self.load_id
        return metadata


class _DataOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The index's own records, paths, dtypes and shapes; never a function, nor what its modules only import."""
        if (module, name) == ("torch.serialization", "_get_layout"):  # how torch pickles a tensor's layout
            return super().find_class(module, name)
        if (module, name) == ("builtins", "getattr"):  # how Python up to 3.11.3 pickles a member of an enumeration
            return _member
        if module == "torch" and (name == "Size" or isinstance(getattr(torch, name, None), torch.dtype)):
            return getattr(torch, name)
        if module.startswith("pathlib") and name in PATHS:
            return super().find_class(module, name)
        if module in INDEX_MODULES and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module and _is_record(found):
                return found
        raise pickle.UnpicklingError(f"a checkpoint's index must not name {module}.{name}")


def _member(kind: Any, name: str) -> Enum:
    """In place of getattr, which would reach anything."""
    if isinstance(kind, type) and issubclass(kind, Enum) and name in kind.__members__:
        return kind[name]
    raise pickle.UnpicklingError(f"a checkpoint's index must not name {kind!r}.{name}")


def _is_record(kind: type) -> bool:
    """Data alone: unlike a reader or writer, such a class does nothing when it is made."""
    return is_dataclass(kind) or issubclass(kind, Enum)
