"""The same table of several seeds, each where its own run has left it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from blur_pipeline.lineage.manifest import Manifest, newest_whole


class SeedTablesDataset(AbstractDataset):
    """Read only: ``filepaths`` maps a seed to the unversioned path of its Parquet table; loaded with ``seed``.

    ``only`` maps columns to the values of the rows that are read, ``columns`` are those that are: all where not given.
    """

    def __init__(
        self,
        filepaths: dict[str, str],
        only: dict[str, list[str]] | None = None,
        columns: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.filepaths, self.only, self.columns, self.metadata = filepaths, only or {}, columns, metadata

    def manifests(self) -> dict[str, Manifest | None]:
        """The newest whole table of each seed, ``seed 3``; None where that seed has not been run."""
        return {f"seed {seed}": newest_whole(Path(path)) for seed, path in self.filepaths.items()}

    def missing(self) -> list[int]:
        """The seeds that have not been run."""
        return [int(name.split()[1]) for name, manifest in self.manifests().items() if manifest is None]

    def load(self) -> pd.DataFrame:
        found = self.manifests()
        if missing := self.missing():
            raise DatasetError(f"No table of seed {', '.join(map(str, missing))} yet.")
        rows = [(column, "in", values) for column, values in self.only.items()] or None
        tables = [
            pd.read_parquet(m.path, columns=self.columns, filters=rows).assign(seed=int(name.split()[1]))
            for name, m in found.items()
        ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["seed"])

    def save(self, data: pd.DataFrame) -> None:
        raise DatasetError("The table of a seed is saved by the run of that seed.")

    def _exists(self) -> bool:
        return not self.missing()

    def _describe(self) -> dict[str, Any]:
        return {"filepaths": self.filepaths}
