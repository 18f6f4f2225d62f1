"""A checkpoint that looks like this training's and is not: the log says why it begins anew."""

import logging
from dataclasses import replace

import pytest
import torch

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.pipelines.training_run import run_training
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples


@pytest.fixture
def run() -> Run:
    engine = Engine(checkpoint_every=1)
    return Run(Recipe(), Schedule(steps=4, batch_size=4), random_examples(8, seed=2), engine=engine)


def begin(run: Run, folder, seed: int, monkeypatch) -> None:
    """Two steps of a training from the weights of ``seed``, then Ctrl-C."""

    def stop(bar, row):
        if row["step"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("blur_pipeline.models.progress.ProgressBar.__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            run_training("Training", build_tiny_model(seed), run, "cpu", str(folder))


def said(run: Run, folder, seed: int, caplog) -> str:
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run_training("Training", build_tiny_model(seed), run, "cpu", str(folder))
    return caplog.text


def test_the_same_training_resumes(run, tmp_path, monkeypatch, caplog):
    begin(run, tmp_path, 0, monkeypatch)
    text = said(run, tmp_path, 0, caplog)
    assert "Resuming after step 2" in text
    assert "not resumed" not in text


def test_other_weights_are_named_with_the_threads_that_made_them(run, tmp_path, monkeypatch, caplog):
    """The target model was trained anew with another number of threads: the same to the eye, and other bits."""
    begin(run, tmp_path, 0, monkeypatch)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 99)
    text = said(run, tmp_path, 1, caplog)
    assert "step-000002, of the same method and schedule, is not resumed; what is not the same: the weights" in text
    assert "thread(s) and this run has 99" in text
    assert "holds checkpoints of 1 unfinished training(s)" in text


def test_the_newest_of_more_than_a_million_steps_is_named(run, tmp_path, monkeypatch, caplog):
    begin(run, tmp_path, 0, monkeypatch)
    [folder] = (path for path in tmp_path.iterdir() if path.is_dir())
    for step in (999_999, 1_000_000):
        (folder / f"step-{step:06d}").mkdir()
    assert "step-1000000, of the same method and schedule, is not resumed" in said(run, tmp_path, 1, caplog)


def test_another_set_is_named(run, tmp_path, monkeypatch, caplog):
    begin(run, tmp_path, 0, monkeypatch)
    text = said(replace(run, retain=random_examples(8, seed=3)), tmp_path, 0, caplog)
    assert "what is not the same: the retain set." in text
    assert "thread" not in text


def test_another_method_is_no_reason_to_wonder(run, tmp_path, monkeypatch, caplog):
    begin(run, tmp_path, 0, monkeypatch)
    text = said(replace(run, schedule=Schedule(steps=5, batch_size=4)), tmp_path, 0, caplog)
    assert "not resumed" not in text
    assert "holds checkpoints of 1 unfinished training(s)" in text
