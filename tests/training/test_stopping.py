"""Which weights are kept and when it is time to stop."""

import copy
import errno
import shutil
from dataclasses import replace

import pytest
import torch

from blur_pipeline.config.errors import TrainingFailedError
from blur_pipeline.methods.choice import Moment
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.examples import Examples
from blur_pipeline.training import checkpoints as checkpoints_module
from blur_pipeline.training import loop
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.stopping import FORGET, RETAIN, Best, Fixed
from blur_pipeline.training.validation import Validation
from tests.conftest import build_tiny_model, random_examples

START = {FORGET: 0.5, RETAIN: 1.0}
RECKLESS = Recipe(forget={"kind": "ga"}, retain={"kind": "none"}, optimizer={"kind": "adamw", "lr": 3e-2})


def rows(*pairs) -> list[dict]:
    """One validation in every second step."""
    return [row for forget, retain in pairs for row in ({}, {FORGET: forget, RETAIN: retain})]


def test_the_best_forgets_most_within_the_bound():
    history = rows((2.0, 1.05), (3.0, 1.09), (9.0, 1.2), (2.5, 1.02))
    assert Best(retain_bound=0.1).best_step(START, history) == 4
    assert Best(retain_bound=0.5).best_step(START, history) == 6


def test_where_none_is_within_the_bound_the_one_that_keeps_most():
    assert Best(retain_bound=0.01).best_step(START, rows((2.0, 1.5), (3.0, 1.3), (4.0, 2.0))) == 4
    assert Best().best_step(START, [{}]) == 0


def test_collapse_is_several_hopeless_validations_in_a_row():
    best = Best(collapse=1.0, patience=2)
    assert not best.collapsed(START, rows((1, 2.5)))
    assert not best.collapsed(START, rows((1, 2.5), (1, 1.9)))
    assert best.collapsed(START, rows((1, 1.0), (1, 2.5), (1, 2.1)))


def test_validation_is_the_mean_token_nll(tiny_model):
    examples = random_examples(5, seed=4)
    found = Validation(examples, examples, 5, 0, Engine())(tiny_model, torch.device("cpu"))
    total = count = 0
    for ids, labels in zip(examples.input_ids, examples.labels, strict=True):
        logprobs = tiny_model(input_ids=torch.as_tensor(ids)[None]).logits[0].log_softmax(-1)
        for t in range(1, len(ids)):
            if labels[t] >= 0:
                total, count = total - float(logprobs[t - 1, ids[t]]), count + 1
    assert found[FORGET] == pytest.approx(total / count, rel=1e-5)
    assert tiny_model.training


def reckless(folder, stopping, watchers=()) -> Run:
    forget, retain = random_examples(8, seed=1), random_examples(9, seed=2)
    checkpoints = Checkpoints(folder, "run", every=7)
    schedule = Schedule(steps=40, batch_size=4, lr_curve="constant", max_grad_norm=None)
    return Run(RECKLESS, schedule, retain, forget, 0, Engine(), stopping, checkpoints, list(watchers))


def learned() -> torch.nn.Module:
    """A model that knows both sets, so that there is something to lose."""
    both = random_examples(8, seed=1) + random_examples(9, seed=2)
    schedule = Schedule(steps=60, batch_size=17, lr_curve="constant")
    return train(build_tiny_model(), Run(Recipe(optimizer={"kind": "adamw", "lr": 1e-2}), schedule, both))[0]


def test_gradient_ascent_is_stopped_and_taken_back(tmp_path, caplog):
    best = Best(every=2, rows=8, retain_bound=0.5, collapse=2.0, patience=2)
    run = reckless(tmp_path, best)
    start = learned()
    before = Validation(run.forget, run.retain, 8, 0, Engine())(start, torch.device("cpu"))
    with caplog.at_level("INFO", logger="blur_pipeline"):
        model, history = train(copy.deepcopy(start), run)
    assert len(history) < 40  # stopped on collapse
    assert "the retain loss has collapsed" in caplog.text
    kept = best.best_step(before, history)
    after = Validation(run.forget, run.retain, 8, 0, Engine())(model, torch.device("cpu"))
    assert after == pytest.approx({k: history[kept - 1][k] for k in (FORGET, RETAIN)}, rel=1e-5)
    assert history[-1][RETAIN] > before[RETAIN] + 2.0


def test_keeping_the_best_survives_a_break(tmp_path):
    best = Best(every=2, rows=8, retain_bound=0.5, collapse=2.0, patience=2)
    start = learned()
    whole, expected = train(copy.deepcopy(start), reckless(tmp_path / "whole", best))

    def power_cut(row):
        if row["step"] == len(expected) - 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(copy.deepcopy(start), reckless(tmp_path / "cut", best, [power_cut]))
    model, history = train(copy.deepcopy(start), reckless(tmp_path / "cut", best))
    assert history == expected
    assert all(torch.equal(w, whole.state_dict()[n]) for n, w in model.state_dict().items())


def test_a_best_step_that_cannot_be_kept_ends_the_run_rather_than_the_last_one_in_its_place(tmp_path, monkeypatch):
    """The disk is full at the first best step; with room again the run goes on to the same end."""
    best = Best(every=2, rows=8, retain_bound=0.5, collapse=2.0, patience=2)
    start = learned()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints_module, "write_text", full)
        with pytest.raises(TrainingFailedError, match=r"best so far.*No space left.*free"):
            train(copy.deepcopy(start), reckless(tmp_path / "full", best))
    model, history = train(copy.deepcopy(start), reckless(tmp_path / "full", best))
    whole, expected = train(copy.deepcopy(start), reckless(tmp_path / "whole", best))
    assert history == expected
    assert all(torch.equal(w, whole.state_dict()[n]) for n, w in model.state_dict().items())

    def removed(row):
        shutil.rmtree(tmp_path / "gone" / "run", ignore_errors=True)

    with pytest.raises(TrainingFailedError, match="the best validated ones, are gone from"):
        train(copy.deepcopy(start), reckless(tmp_path / "gone", best, [removed]))


@pytest.mark.parametrize("optimizer", [{"kind": "schedule_free"}, {"kind": "adamw", "average": {"every": 1}}])
def test_where_the_best_step_is_kept_no_mean_is_and_the_log_says_so(tmp_path, caplog, optimizer, tiny_model):
    run = reckless(tmp_path, Best(every=1, rows=2))
    recipe = run.recipe.model_copy(update={"optimizer": Recipe(optimizer=optimizer).optimizer})
    with caplog.at_level("WARNING", logger="blur_pipeline"):
        train(tiny_model, replace(run, recipe=recipe, schedule=Schedule(steps=2, batch_size=4)))
    assert "mean of several is not taken" in caplog.text


def test_fixed_ends_early_on_the_curve_of_the_whole(tmp_path, tiny_model):
    run = reckless(tmp_path, Fixed(steps=6, every=3, rows=4))
    linear = Schedule(steps=40, batch_size=4, lr_curve="linear")
    _, history = train(tiny_model, Run(**{**vars(run), "schedule": linear}))
    assert len(history) == 6
    assert history[5]["lr"] == pytest.approx(3e-2 * 35 / 40)
    assert [RETAIN in row for row in history] == [False, False, True, False, False, True]


def test_fixed_ends_early_on_everything_that_fades_or_grows_by_the_whole(tmp_path, tiny_model, monkeypatch):
    """An ℓ1 that decays, RR's coefficients, a warm-up; zeroth-order turns alone are counted from the real end."""
    seen, step = [], loop._step
    monkeypatch.setattr(loop, "_step", lambda moment, *others: (seen.append(moment), step(moment, *others))[1])
    train(tiny_model, reckless(tmp_path, Fixed(steps=3, every=3, rows=4)))
    assert [(moment.step, moment.steps, moment.left) for moment in seen] == [(0, 40, 2), (1, 40, 1), (2, 40, 0)]
    assert Moment(3, 9).left == 5


def test_a_slice_keeps_topics_and_reference():
    examples = Examples.from_columns([[1, 2], [3, 4], [5, 6]], [[1, 2], [3, 4], [5, 6]]).with_reference([-1, -2, -3])
    assert examples.take([2, 0]).reference_logprobs.tolist() == [-3, -1]
