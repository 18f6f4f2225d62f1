"""A summary can be read in kedro-viz."""

import inspect

from blur_pipeline.datasets.page import PageDataset


def test_a_preview_shows_the_text_and_runs_nothing_in_it(tmp_path):
    dataset = PageDataset(filepath=str(tmp_path / "summary.md"))
    dataset.save("# Report\n<script>alert(1)</script>")
    shown = dataset.preview()
    assert "# Report\n&lt;script&gt;" in shown
    assert inspect.signature(dataset.preview).return_annotation == "HTMLPreview"  # what kedro-viz looks for
