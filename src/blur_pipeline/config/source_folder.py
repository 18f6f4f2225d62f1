"""The folder that holds a benchmark's files: what an environment of conf/ asks for before anything else."""

from __future__ import annotations

from pathlib import Path

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.corpus.files import existing
from blur_pipeline.corpus.sources import FileSource, MixedSource, Source


def require_source_folder(parameters: Parameters) -> None:
    """Raises BadInputError where files are to be read from a ``source_folder`` that is not there."""
    folder = parameters.source_folder
    if folder is None or existing(Path(folder)) or not _reads_from(Path(folder), parameters):
        return
    # Only an environment that knows the data on the hub gives data_from.
    hub = ", or data_from=hub for the hub's, at a pinned revision" if "data_from" in parameters.model_fields_set else ""
    raise BadInputError(
        f"{folder}: no such folder; say where the files of '{parameters.benchmark}' are with "
        f"--params source_folder=path/to/them{hub}."
    )


def _reads_from(folder: Path, parameters: Parameters) -> bool:
    paths = [path for source in parameters.sources.all().values() for path in _paths(source)]
    return any(Path(path).is_relative_to(folder) for path in paths)


def _paths(source: Source) -> list[str]:
    parts = source.parts.values() if isinstance(source, MixedSource) else [source]
    return [part.path for part in parts if isinstance(part, FileSource)]
