"""What only a GPU shows. Needs torch, transformers and pydantic alone: `pytest -m gpu tests/gpu` on a bare machine."""

import copy
import itertools
import warnings

import pytest
import torch

from blur_pipeline.methods.forget import NPO, RMU
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import train
from blur_pipeline.training.stopping import FORGET, Best
from tests.conftest import build_tiny_model, random_examples
from tests.training.test_every_cut import CUTS, RECIPES, assert_same_steps, cut_run
from tests.training.test_placement import run_of as reads_layer_one

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")]
CUDA = torch.device("cuda")


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_on_the_gpu_is_the_step_on_the_cpu(name):
    _, expected = train(build_tiny_model(), cut_run(name))
    _, rows = train(build_tiny_model(), cut_run(name), CUDA)
    assert_same_steps(rows, expected, rel=1e-4)


@pytest.mark.parametrize("cut", CUTS)
def test_cuts_on_the_gpu(cut):
    _, expected = train(build_tiny_model(), cut_run("blur_npo"), CUDA)
    _, rows = train(build_tiny_model(), cut_run("blur_npo", Engine(**CUTS[cut])), CUDA)
    assert_same_steps(rows, expected, rel=1e-4)


@pytest.mark.parametrize("engine", [{}, {"micro_batch_size": 2}, {"layout": "packed"}, {"layout": "left"}])
@pytest.mark.parametrize("name", ["blur_npo", "blur_rmu", "grad_diff_kl"])
def test_the_host_waits_once_a_step(name, engine):
    """Synchronisations of a step after the first, by torch's own watch: reading the scalars, nothing else."""
    counts = []

    def watch(row):
        counts.append(len(caught))
        if row["step"] == 0:
            torch.cuda.set_sync_debug_mode("warn")

    run = cut_run(name, Engine(**engine), steps=4)
    run.watchers.append(watch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            train(copy.deepcopy(build_tiny_model()), run, CUDA)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert [b - a for a, b in itertools.pairwise(counts[1:])] == [1, 1]


@pytest.mark.parametrize("layout", ["right", "left", "packed"])
def test_the_host_does_not_wait_for_a_batch_nor_its_passes(layout):
    model, examples = build_tiny_model().to(CUDA), random_examples(7, seed=1).with_reference(torch.zeros(7))
    loss = NPO()
    loss(Forward(model, examples.batch([0, 1]).to(CUDA)), None).backward()  # what is made once is made
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss(Forward(model, examples.batch([0, 3, 5], layout=layout).to(CUDA)), None).backward()
        RMU(layer=1)(Forward(model, examples.batch([2, 4], layout=layout).to(CUDA)), None).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_compiled_layers_give_the_same_step():
    _, expected = train(build_tiny_model(), cut_run("blur_npo"), CUDA)
    _, rows = train(build_tiny_model(), cut_run("blur_npo", Engine(compiled=True)), CUDA)
    assert_same_steps(rows, expected, rel=1e-4)


def test_validation_runs_layers_that_no_loss_reads():
    _, rows = train(build_tiny_model(layers=4), reads_layer_one(Best(rows=2)), CUDA)
    _, expected = train(build_tiny_model(layers=4), reads_layer_one(Best(rows=2)))
    assert rows[-1][FORGET] == pytest.approx(expected[-1][FORGET], rel=1e-4)
