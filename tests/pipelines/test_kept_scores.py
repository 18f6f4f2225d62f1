"""What was scored before is taken up only where it means the same, and never where all is to be made anew."""

import os
import time

import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.lineage.stages import MEANING
from blur_pipeline.pipelines.evaluation.nodes import _keep
from blur_pipeline.scoring.kept import drop_unused
from tests.config.test_parameters import changed, load


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


def test_scores_of_another_meaning_are_not_taken_up(raw, monkeypatch):
    parameters = check_parameters(raw)
    before = _keep(parameters, "scores")
    monkeypatch.setitem(MEANING, "scores", MEANING["scores"] + 1)
    assert _keep(parameters, "scores") != before
    assert _keep(parameters, "safety") != before


def test_a_fresh_run_takes_nothing_up(raw):
    assert _keep(check_parameters(changed(raw, "fresh", True)), "scores") is None
    assert _keep(check_parameters(changed(raw, "evaluation.keep_scores", None)), "scores") is None


def test_only_kept_scores_are_ever_deleted(tmp_path):
    """``evaluation.keep_scores=data`` must not cost every old table below data/."""
    ours = tmp_path / "scores-1" / ("0" * 16) / f"{'1' * 16}.parquet"
    others = [tmp_path / "raw_rows.parquet", tmp_path / "model" / f"{'1' * 16}.parquet"]
    for path in (ours, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - 90 * 86_400,) * 2)
    assert drop_unused(str(tmp_path), 30) == 1
    assert not ours.exists()
    assert all(path.exists() for path in others)
