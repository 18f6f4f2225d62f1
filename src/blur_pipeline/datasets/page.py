"""A text that kedro-viz shows when its dataset is clicked."""

from __future__ import annotations

from html import escape

from kedro_datasets._typing import HTMLPreview  # kedro-viz recognises a page by this annotation
from kedro_datasets.text import TextDataset


class PageDataset(TextDataset):
    """``text.TextDataset`` with a preview: the text as it stands in the file, whatever it holds."""

    def preview(self) -> HTMLPreview:
        """Lines are wrapped, and nothing in it is taken for HTML."""
        return HTMLPreview(f'<pre style="white-space: pre-wrap; font-size: 12px">{escape(self.load())}</pre>')
