"""An Arrow data set in a folder.

kedro-datasets has one, but whatever of ``kedro_datasets.huggingface`` is imported brings ``transformers.pipelines``
along: with it a run that finds all it needs took 11 s, without it 8 s.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blur_pipeline.datasets.folder import FolderDataset

if TYPE_CHECKING:
    from datasets import Dataset


class ArrowDataset(FolderDataset):
    """What ``datasets.Dataset.save_to_disk`` writes, in one shard: an empty set would have none."""

    def save(self, data: Dataset) -> None:
        self._save_whole(data)

    def load(self) -> Dataset:
        from datasets import load_from_disk

        return load_from_disk(str(self._get_load_path()))

    def _write(self, data: Dataset, folder: Path) -> None:
        data.save_to_disk(str(folder), num_shards=1)
