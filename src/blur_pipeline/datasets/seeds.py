"""The same table of several seeds, each where its own run has left it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from blur_pipeline.lineage.manifest import Manifest, newest_whole


class SeedTablesDataset(AbstractDataset):
    """Read only: ``filepaths`` maps a seed to the unversioned path of its Parquet table; loaded with ``seed``."""

    def __init__(self, filepaths: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
        self.filepaths, self.metadata = filepaths, metadata

    def manifests(self) -> dict[str, Manifest | None]:
        """The newest whole table of each seed, ``seed 3``; None where that seed has not been run."""
        return {f"seed {seed}": newest_whole(Path(path)) for seed, path in self.filepaths.items()}

    def load(self) -> pd.DataFrame:
        found = self.manifests()
        missing = [seed for seed, manifest in found.items() if manifest is None]
        if missing:
            raise DatasetError(f"No metrics of {', '.join(missing)} yet.")
        tables = [pd.read_parquet(m.path).assign(seed=int(s.split()[1])) for s, m in found.items()]
        return pd.concat(tables, ignore_index=True)

    def save(self, data: pd.DataFrame) -> None:
        raise DatasetError("The table of a seed is saved by the run of that seed.")

    def _exists(self) -> bool:
        return all(manifest is not None for manifest in self.manifests().values())

    def _describe(self) -> dict[str, Any]:
        return {"filepaths": self.filepaths}
