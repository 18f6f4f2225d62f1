"""Parquet tables: one whose kedro-viz preview can show cells that are lists, and one that streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io.core import DatasetError
from kedro_datasets._typing import TablePreview  # kedro-viz recognises a table by this annotation
from kedro_datasets.pandas import ParquetDataset

from blur_pipeline.config.errors import BadInputError, first_line


class TableDataset(ParquetDataset):
    """``pandas.ParquetDataset``, except that a preview holds plain lists, short enough to look at.

    kedro-viz cannot serialise the numpy arrays that pandas makes of list cells, and then shows nothing at all.
    """

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, as kedro-viz wants them; a list of more than five ends in "…"."""
        with pq.ParquetFile(str(self._get_load_path())) as file:
            columns = file.schema_arrow.names
            first = next(file.iter_batches(max(nrows, 1)), None)
        rows = first.to_pylist() if first is not None else []
        cells = [[_short(row[name]) for name in columns] for row in rows]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": cells})


class Frames:
    """A table in parts, each made when it is asked for.

    Not an iterator itself: Kedro would save an iterator's items one by one, each as a version of its own.
    """

    def __init__(self, parts: Iterable[pd.DataFrame], schema: pa.Schema) -> None:
        self.parts, self.schema = parts, schema

    @classmethod
    def stored(cls, path: Path) -> Frames:
        """The row groups of a Parquet file, each read anew when it is iterated over."""
        return cls(_RowGroups(path), pq.read_schema(path))

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return iter(self.parts)


class StreamedTableDataset(TableDataset):
    """A Parquet file that is written and read a row group at a time: memory does not grow with it."""

    def save(self, data: Frames) -> None:
        """Write ``data`` part by part; the file appears under its name only when all of it is there."""
        path = Path(self._get_save_path())
        partial = path.with_name(f".writing-{path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with pq.ParquetWriter(partial, data.schema) as writer:
                for part in data:
                    writer.write_table(pa.Table.from_pandas(part, data.schema, preserve_index=False))
            partial.rename(path)
        except OSError as error:
            raise DatasetError(f"{path}: cannot be written ({error.strerror or error}).") from error
        finally:
            partial.unlink(missing_ok=True)

    def load(self) -> Frames:
        return Frames.stored(Path(str(self._get_load_path())))


class _RowGroups:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[pd.DataFrame]:
        try:
            with pq.ParquetFile(self.path) as file:
                for group in range(file.num_row_groups):
                    yield file.read_row_group(group).to_pandas()
        except (pa.ArrowException, OSError) as error:
            raise BadInputError(
                f"{self.path}: cannot be read ({first_line(error)}); delete it and the same command makes it "
                "again, or make all anew with --params fresh=true."
            ) from error


def _short(cell: Any) -> Any:
    if not isinstance(cell, list):
        return cell
    shown = [round(x, 3) if isinstance(x, float) else x for x in cell[:5]]
    return str(shown) if len(cell) <= 5 else f"{str(shown)[:-1]}, …]"
