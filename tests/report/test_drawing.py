"""Figures in pages are small drawings that follow the page's colours, and say the same as plotly's."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from plotly.graph_objects import Figure

from blur_pipeline.report import figures, pages
from blur_pipeline.report.colours import COLOURS, VARIABLES
from blur_pipeline.report.drawing import drawing
from blur_pipeline.report.panels import panels_of


@pytest.fixture
def log() -> pd.DataFrame:
    steps = np.arange(40)
    names = ("forget_loss", "retain_loss", "forget_gradient_norm", "retain_gradient_norm", "gradient_cosine")
    return pd.DataFrame({"step": steps, **{name: 1.0 + steps * i for i, name in enumerate(names)}})


def as_loaded(figure: Figure) -> Figure:
    """As the report gets it: through JSON, where plotly packs numbers."""
    return Figure(json.loads(figure.to_json()))


def test_every_panel_is_a_drawing_with_its_title_and_its_lines(log):
    drawn = drawing(as_loaded(figures.training_curves(log)))
    assert drawn.title == "Unlearning, step by step"
    texts = [" ".join(ElementTree.fromstring(panel.replace("xlink:", "")).itertext()) for panel in drawn.panels]
    for text, said in zip(texts, ("losses", "gradient norms", "cosine"), strict=True):
        assert said in text
    assert "forget loss" in texts[0]
    assert "forget gradient norm" not in texts[0]  # each panel has a legend of its own
    assert "mathdefault" not in texts[1]  # powers of ten are numbers
    assert not drawn.wide


def test_colours_are_the_page_s():
    """So that they change with it in the dark."""
    figure = figures.truth_ratios({"target": ratios(0.5), "unlearned": ratios(2.0)})
    text = drawing(figure).panels[0]
    for name in ("target", "unlearned", "ink"):
        assert f"var(--{name})" in text
    assert not set(re.findall(r"#[0-9a-f]{6}", text)) & set(VARIABLES)
    style = pages.figure_page(figure).partition("</style>")[0]
    for variable in VARIABLES.values():  # once for light, once for dark
        assert style.count(f" {variable[len('var(') : -1]}:") == 2


def test_packed_numbers_are_unpacked(log):
    figure = figures.training_curves(log)
    ours, loaded = panels_of(figure), panels_of(as_loaded(figure))
    assert [len(panel.traces) for panel in loaded] == [2, 2, 1]
    assert drawing(figure) == drawing(as_loaded(figure))
    assert [panel.across for panel in ours] == [panel.across for panel in loaded]


def test_one_figure_is_drawn_once(log):
    """For MLflow as it was made and for the report as it was saved."""
    figure = figures.training_curves(log)
    assert drawing(as_loaded(figure)) is drawing(figure)


def test_what_stands_at_a_point_is_told_and_is_no_html():
    figure = Figure()
    figure.add_scatter(x=[0.25], y=[1.0], mode="markers+text", text=["<b>$x"], name="<script>", marker_color="#000000")
    panel = drawing(figure).panels[0]
    assert "<title>&lt;script&gt;: 0.25 across, 1 up</title>" in panel
    assert "&lt;b&gt;$x" in panel
    assert "<script>" not in panel


def test_models_are_told_apart_without_colours():
    figure = figures.truth_ratios({name: ratios(1.0) for name in COLOURS})
    assert len({trace.line.dash for trace in figure.data}) == 3


def test_a_page_with_figures_stays_far_below_a_megabyte(log):
    page = pages.figure_page(figures.training_curves(log))
    assert len(page) < 100_000
    assert "http" not in page.replace("http://www.w3.org", "")


def ratios(middle: float) -> pd.DataFrame:
    return pd.DataFrame({"set": "forget", "truth_ratio": middle * np.linspace(0.5, 2, 20)})
