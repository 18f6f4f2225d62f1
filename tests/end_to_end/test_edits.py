"""Edits run in the place of a training, from the same target and with the same record."""

import json
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.end_to_end.commands import Command, kedro, ran
from tests.end_to_end.conftest import SMALL, newest

WHOLE = "repselect"
"""The one whose protocol is run to its end; of the others the unlearning alone."""
EDITS = {
    "task_vector": "unlearning.methods.task_vector.schedule.epochs=2",
    "interpolation": "unlearning.methods.interpolation.edit.strength=1.0",
    "repselect": "unlearning.methods.repselect.edit.components=4",
    "ssd": "unlearning.methods.ssd.edit.alpha=1.5",
}


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    return shutil.copytree(finished, tmp_path_factory.mktemp("edits") / "project")


def weights(project: Path, name: str, below: str) -> dict[str, torch.Tensor]:
    return load_file(newest(project, name, below) / "model.safetensors")


@pytest.mark.parametrize("method", EDITS)
def test_an_edit_is_a_method_like_others(project, method):
    asked = () if method == WHOLE else ("--pipelines", "unlearning")
    said = ran(kedro(project, "run", *asked, "--params", f"{SMALL},method={method},{EDITS[method]}"))
    assert "obtain_target_model" not in said  # it is found
    below = f"06_models/registry/{method}-*"
    log = pd.read_parquet(newest(project, "unlearning_log.parquet", below))
    assert len(log) == 1
    assert log["relative_change"][0] > 0
    target, model = (
        weights(project, "target_model", "06_models/registry/target-*"),
        weights(project, "unlearned_model", below),
    )
    assert any(not torch.equal(target[name], model[name]) for name in target)
    manifest = json.loads((newest(project, "unlearned_model", below).parent / "manifest.json").read_text())
    assert manifest["made_of"]["decided_by"]["edit"]["kind"] == method
    assert not list(project.glob(f"data/06_models/registry/checkpoints/{method}/*/step-*"))
    if method == WHOLE:
        assert newest(project, "report.html", f"08_reporting/registry/{method}-*/*")
    if method == "interpolation":  # all the way: the base model itself, which the node built anew
        base = weights(project, "base_model", "06_models/registry/base-*")
        assert all(torch.equal(base[name], model[name]) for name in base)
        again = kedro(project, "run", *asked, "--params", f"{SMALL},method={method},{EDITS[method]}")
        assert "Found, made by MLflow run" in ran(again)


def test_a_killed_edit_takes_up_the_training_that_it_begins_with(project):
    """And ends in the same weights to the bit."""
    often = SMALL.replace("training.checkpoint_every=2", "training.checkpoint_every=10")
    long = f"{often},method=task_vector,unlearning.methods.task_vector.schedule.epochs=30,unlearning.seed=4"
    below = "06_models/registry/task_vector-*"
    command = Command(project, "run", "--pipelines", "unlearning", "--params", long)
    while command.poll() is None and not list(project.glob("data/06_models/registry/checkpoints/task_vector/*/step-*")):
        time.sleep(0.05)
    command.send_signal(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    assert "Resuming after step" in ran(kedro(project, "run", "--pipelines", "unlearning", "--params", long))
    resumed = weights(project, "unlearned_model", below)
    ran(kedro(project, "run", "--pipelines", "unlearning", "--params", f"{long},fresh=true"))
    whole = weights(project, "unlearned_model", below)
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
