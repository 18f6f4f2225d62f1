"""What a model has given is kept as it comes, so that a pass resumes where it stopped and never repeats itself."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from blur_pipeline.config.errors import first_line
from blur_pipeline.models.digests import digest_weights

log = logging.getLogger(__name__)
DAY = 86_400
NAME = re.compile("[0-9a-f]{16}")
"""What folders and tables are called here: nothing else is ever deleted."""


@dataclass(frozen=True)
class Kept:
    """Parquet tables of one model under one setting; names are digests of what the model read, so none goes stale.

    ``folder`` None keeps nothing. A table is written under another name first.
    """

    folder: Path | None = None

    @classmethod
    def of(cls, parent: str | None, model: nn.Module, setting: object) -> Kept:
        """``setting`` is what else decides the last digits, such as how rows are batched."""
        if parent is None:
            return cls()
        digest = hashlib.sha256(repr(setting).encode())
        digest_weights(digest, model)
        return cls(Path(parent) / digest.hexdigest()[:16])

    def load(self, arrays: Iterable[np.ndarray], columns: Sequence[str]) -> pd.DataFrame | None:
        """The table of these inputs where it is there and whole; one that is damaged or lacks columns is made again."""
        path = self._path(arrays)
        if path is None or not path.exists():
            return None
        try:
            found = pd.read_parquet(path, columns=list(columns))
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read (%s); scored again", path, first_line(error))
            return None
        path.touch()  # used today
        return found

    def save(self, arrays: Iterable[np.ndarray], table: pd.DataFrame) -> None:
        """Keep ``table`` as what came of these inputs."""
        path = self._path(arrays)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".writing-{path.name}")
        table.to_parquet(partial)
        partial.rename(path)

    def _path(self, arrays: Iterable[np.ndarray]) -> Path | None:
        if self.folder is None:
            return None
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(len(array).to_bytes(8, "little") + np.asarray(array, np.int64).tobytes())
        return self.folder / f"{digest.hexdigest()[:16]}.parquet"


def drop_unused(parent: str | None, days: int) -> int:
    """Delete what has not been used for ``days`` days; how many tables that were."""
    if parent is None or not Path(parent).is_dir():
        return 0
    ours = [p for p in Path(parent).rglob("*.parquet") if NAME.fullmatch(p.stem) and NAME.fullmatch(p.parent.name)]
    old = [p for p in ours if time.time() - p.stat().st_mtime > days * DAY]
    for path in old:
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return len(old)
