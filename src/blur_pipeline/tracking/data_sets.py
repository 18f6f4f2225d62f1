"""What a run read, as MLflow's data sets: by the name of its set, with its digest and where it is from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.corpus.files import SUFFIXES

if TYPE_CHECKING:
    from mlflow.data.dataset_source import DatasetSource

DIGITS = 12
"""Of the SHA-256, which stands whole in the profile."""
HUB = re.compile(r"(?P<name>.+)@(?P<revision>[0-9a-f]{8})")


def log_data_sets(sources: list[dict[str, Any]]) -> None:
    """Each source of ``set, source, sha256, rows`` as an input of the active run; its set is the context."""
    import mlflow

    for entry in sources:
        mlflow.log_input(_data_set(entry), context=entry["set"])


def _data_set(entry: dict[str, Any]) -> Any:
    """Named by its set too: read for two sets, it would be one data set to MLflow, with the context of the first."""
    from mlflow.data.meta_dataset import MetaDataset

    class Rows(MetaDataset):
        """With a profile: rows and digest."""

        profile = {"num_rows": entry["rows"], "sha256": entry["sha256"]}  # noqa: RUF012

        def to_dict(self) -> dict[str, str]:
            return super().to_dict() | {"profile": json.dumps(self.profile)}

    name = f"{entry['set']}: {Path(entry['source']).name}"
    return Rows(_source(entry["source"]), name=name, digest=entry["sha256"][:DIGITS])


def _source(where: str) -> DatasetSource:
    """A file, a data set of the hub, or what was generated."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.huggingface_dataset_source import HuggingFaceDatasetSource
    from mlflow.data.sources import LocalArtifactDatasetSource

    if Path(where).suffix.lower() in SUFFIXES:
        return LocalArtifactDatasetSource(where)
    if hub := HUB.fullmatch(where):
        return HuggingFaceDatasetSource(path=hub["name"], revision=hub["revision"])
    return CodeDatasetSource({"source": where})
