"""Tables whose cells are lists can be looked at, and tables that do not fit in memory can be written and read."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io.core import DatasetError, Version

from blur_pipeline.datasets.table import Frames, StreamedTableDataset, TableDataset

SCHEMA = pa.schema({"row_id": pa.string(), "logprob": pa.list_(pa.float32())})


def streamed(folder):
    return StreamedTableDataset(filepath=str(folder / "scores.parquet"), version=Version(None, "v1"))


def test_a_preview_is_plain_and_short(tmp_path):
    dataset = TableDataset(filepath=str(tmp_path / "table.parquet"))
    dataset.save(pd.DataFrame({"set": ["a", "b"], "logprob": [[-0.12345, -1.0], list(range(9))]}))
    shown = dataset.preview(nrows=2)
    assert shown["columns"] == ["set", "logprob"]
    assert shown["data"] == [["a", "[-0.123, -1.0]"], ["b", "[0.0, 1.0, 2.0, 3.0, 4.0, …]"]]


def test_a_stream_is_written_part_by_part_and_read_so(tmp_path):
    parts = [
        pd.DataFrame({"row_id": ["a", "b"], "logprob": [[], []]}),  # a list without a type of its own
        pd.DataFrame({"row_id": ["c"], "logprob": [[-0.5, -1.0]]}),
    ]
    streamed(tmp_path).save(Frames(parts, SCHEMA))
    found = streamed(tmp_path).load()
    for _ in range(2):  # and again
        read = list(found)
        assert [part["row_id"].tolist() for part in read] == [["a", "b"], ["c"]]
        assert read[1]["logprob"][0].tolist() == [-0.5, -1.0]
    assert pq.ParquetFile(tmp_path / "scores.parquet/v1/scores.parquet").num_row_groups == 2
    assert streamed(tmp_path).preview(nrows=3)["data"] == [["a", "[]"], ["b", "[]"], ["c", "[-0.5, -1.0]"]]


def test_a_stream_of_nothing_is_a_table_all_the_same(tmp_path):
    streamed(tmp_path).save(Frames([], SCHEMA))
    assert list(streamed(tmp_path).load()) == []
    assert streamed(tmp_path).preview()["columns"] == ["row_id", "logprob"]


def test_a_stream_that_breaks_off_leaves_nothing(tmp_path):
    def broken():
        yield pd.DataFrame({"row_id": ["a"], "logprob": [[0.0]]})
        raise ValueError("no more")

    with pytest.raises(DatasetError, match="no more"):
        streamed(tmp_path).save(Frames(broken(), SCHEMA))
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
