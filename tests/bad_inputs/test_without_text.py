"""Errors that say nothing, as some of libraries do, still become one sentence: it names their kind."""

import datasets
import jinja2
import pandas as pd
import pyarrow.parquet as pq
import pytest
from omegaconf.errors import OmegaConfBaseException
from transformers import AutoConfig

from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.corpus.files import _parquet
from blur_pipeline.corpus.sources import HubSource
from blur_pipeline.datasets.table import _RowGroups
from blur_pipeline.scoring.gibberish import clean_class
from blur_pipeline.scoring.kept import Kept
from blur_pipeline.scoring.saved import _columns
from tests.resolved import loader


def says_nothing(*arguments, **named):
    raise OSError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n  one \n"), "one"),
        (ConnectionError(), "ConnectionError"),
        (jinja2.TemplateError("  \n"), "TemplateError"),
    ],
)
def test_the_first_line(error, line):
    assert first_line(error) == line


@pytest.mark.parametrize(
    ("module", "name", "read"),
    [
        (pq, "read_table", lambda path: _parquet(path)),
        (pq, "read_schema", lambda path: _columns(path)),
        (pq, "ParquetFile", lambda path: list(_RowGroups(path))),
        (AutoConfig, "from_pretrained", lambda path: clean_class(str(path), None)),
        (datasets, "load_dataset", lambda path: HubSource(name="x/y", revision="a" * 40).records()),
    ],
)
def test_who_reads_what_cannot_be_read(tmp_path, monkeypatch, module, name, read):
    monkeypatch.setattr(module, name, says_nothing)
    with pytest.raises(BadInputError, match="OSError"):
        read(tmp_path / "x.parquet")


def test_a_kept_score_that_cannot_be_read_is_scored_again(tmp_path, monkeypatch, caplog):
    kept = Kept(tmp_path)
    kept.save([], pd.DataFrame({"x": [1]}))
    monkeypatch.setattr(pd, "read_parquet", says_nothing)
    assert kept.load([], ["x"]) is None
    assert "(OSError); scored again" in caplog.text


def test_parameters_that_do_not_resolve():
    assert "do not resolve: OmegaConfBaseException" in loader("base")._sentence("x", OmegaConfBaseException())
