"""One step brings its scalars to the host once, and reads nothing else."""

import pytest
import torch

from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import train
from tests.conftest import build_tiny_model
from tests.host_reads import HostReads
from tests.training.test_every_cut import RECIPES, cut_run

CUTS = {
    "micro-batches": {"micro_batch_size": 2},
    "padded on the left": {"layout": "left"},
    "packed": {"layout": "packed"},
    "checkpointed": {"gradient_checkpointing": True},
    "bf16": {"precision": "bf16"},
}
LATER = ("hybrid", "tamper_resistance", "sophia")
"""What these do depends on the number of the step."""


def reads_in_each_step(name: str, engine: dict) -> list[dict]:
    run, found = cut_run(name, Engine(**engine), steps=3 if name in LATER else 2), []
    with HostReads() as reads:

        def watch(_row):
            found.append(dict(reads.seen))
            reads.seen.clear()

        run.watchers.append(watch)
        train(build_tiny_model(), run, torch.device("cpu"))
    return found[1:]  # the first has what was read before it


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_reads_its_scalars_and_nothing_else(name):
    assert reads_in_each_step(name, {}) == [{"tolist": 1}] * (2 if name in LATER else 1)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", ["blur_npo", "blur_rmu"])
def test_however_it_is_cut(name, cut):
    assert reads_in_each_step(name, CUTS[cut]) == [{"tolist": 1}]
