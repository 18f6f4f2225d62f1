"""A model that runs code of its own reaches the workers with its code, and comes back."""

import sys

import pytest
import torch
from transformers import AutoModelForCausalLM, dynamic_module_utils

from blur_pipeline.training.engine import Engine
from blur_pipeline.training.workers.job import Job
from tests.conftest import build_tiny_model
from tests.own_code import write_model
from tests.training.test_every_cut import cut_run


@pytest.fixture
def own_model(tmp_path, monkeypatch):
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "modules"), *sys.path])
    return AutoModelForCausalLM.from_pretrained(write_model(tmp_path / "own"), trust_remote_code=True)


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_the_code_goes_along(own_model, tmp_path, sharding):
    job = Job(tmp_path / "job")
    job.write(own_model, cut_run("blur_npo", Engine(processes=2, sharding=sharding)), "cpu")
    there = job.model()
    assert there.of_its_own
    assert there.lm_head.weight.is_meta == (sharding == "fsdp")
    job.finish(own_model, [])
    back, _ = job.result()
    assert back.of_its_own
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in own_model.state_dict().items())


def test_a_folder_s_word_alone_runs_no_code(own_model, tmp_path):
    """What a plain model's job says is what counts: its folder may since have got code."""
    job = Job(tmp_path / "job")
    job.write(build_tiny_model(), cut_run("blur_npo"), "cpu")
    own_model.save_pretrained(tmp_path / "job" / "model")
    with pytest.raises(ValueError, match="trust_remote_code"):
        job.model()
