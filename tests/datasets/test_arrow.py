"""Tokenised sets in the catalog."""

import subprocess
import sys

import pytest
from datasets import Dataset
from kedro.io.core import Version

from blur_pipeline.datasets.arrow import ArrowDataset


@pytest.mark.parametrize("rows", [3, 0])
def test_a_set_comes_back_an_empty_one_too(rows, tmp_path):
    stored = ArrowDataset(str(tmp_path / "tokens"), Version(None, "one"))
    stored.save(Dataset.from_dict({"input_ids": [[1, 2]] * rows, "row_id": ["a"] * rows}))
    assert stored.load().to_dict() == {"input_ids": [[1, 2]] * rows, "row_id": ["a"] * rows}
    assert (tmp_path / "tokens" / "one" / "tokens" / "dataset_info.json").exists()


def test_it_brings_no_transformers_along():
    """What the catalog imports, every run waits for."""
    code = "import sys, blur_pipeline.datasets.arrow; print({'transformers', 'torch', 'datasets'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
