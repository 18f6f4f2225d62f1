"""Tables whose cells are lists can be looked at."""

import pandas as pd

from blur_pipeline.datasets.table import TableDataset


def test_a_preview_is_plain_and_short(tmp_path):
    dataset = TableDataset(filepath=str(tmp_path / "table.parquet"))
    dataset.save(pd.DataFrame({"set": ["a", "b"], "logprob": [[-0.12345, -1.0], list(range(9))]}))
    shown = dataset.preview(nrows=2)
    assert shown["columns"] == ["set", "logprob"]
    assert shown["data"] == [["a", "[-0.123, -1.0]"], ["b", "[0.0, 1.0, 2.0, 3.0, 4.0, …]"]]
