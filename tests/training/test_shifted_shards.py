"""Losses around θ are those around θ on shards too, whatever a pass without a backward one left gathered."""

import json
from pathlib import Path

import pytest
import torch

from blur_pipeline.methods.choice import Moment
from blur_pipeline.methods.retain import NLL
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.objective import Objective
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.probe import StepProbe
from tests.conftest import build_tiny_model
from tests.training.test_every_cut import cut_run
from tests.workers import run_ranks


def around(engine: Engine) -> list[float]:
    """At θ, θ + ½θ, θ − ½θ and θ again."""
    run, cpu = cut_run("grad_diff_kl", engine), torch.device("cpu")
    ready = prepare(build_tiny_model(), run.recipe, engine, cpu)
    objective = Objective({"retain": [NLL()]}, run.sets, ready.model, None, engine, cpu)
    probe = StepProbe(objective, {"retain": [0, 1, 2, 3]}, ready.weights, 0, Moment(), 0, ready.sharded)
    itself, found = [w.detach().clone() for w in ready.weights.moved], [probe.loss().item()]
    for scale in (0.5, -0.5):
        with probe.shifted(itself, scale):
            found.append(probe.loss().item())
    return [*found, probe.loss().item()]


def _on_rank(rank: int, folder: str) -> None:
    found = around(Engine(processes=2, sharding="fsdp"))
    Path(folder, f"{rank}.json").write_text(json.dumps(found))


def test_shards_follow_every_shift(tmp_path):
    """FSDP2 keeps what is outside the layers gathered until a backward pass: θ + δ had the embeddings of θ."""
    expected = around(Engine())
    assert len({round(loss, 4) for loss in expected}) == 3
    run_ranks(_on_rank, 2, tmp_path, str(tmp_path))
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == pytest.approx(expected, rel=1e-5)
