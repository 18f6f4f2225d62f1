"""A Parquet table whose kedro-viz preview can show cells that are lists."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
from kedro_datasets._typing import TablePreview  # kedro-viz recognises a table by this annotation
from kedro_datasets.pandas import ParquetDataset


class TableDataset(ParquetDataset):
    """``pandas.ParquetDataset``, except that a preview holds plain lists, short enough to look at.

    kedro-viz cannot serialise the numpy arrays that pandas makes of list cells, and then shows nothing at all.
    """

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, as kedro-viz wants them; a list of more than five ends in "…"."""
        rows = pq.read_table(str(self._get_load_path()))[:nrows].to_pylist()
        columns = list(rows[0]) if rows else pq.read_schema(str(self._get_load_path())).names
        cells = [[_short(row[name]) for name in columns] for row in rows]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": cells})


def _short(cell: Any) -> Any:
    if not isinstance(cell, list):
        return cell
    shown = [round(x, 3) if isinstance(x, float) else x for x in cell[:5]]
    return str(shown) if len(cell) <= 5 else f"{str(shown)[:-1]}, …]"
