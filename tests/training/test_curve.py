"""Learning rates are those of transformers, without what comes with them."""

import subprocess
import sys
from typing import get_args

import pytest
import torch
from transformers import get_scheduler

from blur_pipeline.training.curve import curve, share
from blur_pipeline.training.schedule import Curve


@pytest.mark.parametrize("kind", get_args(Curve))
@pytest.mark.parametrize(("warmup", "steps"), [(0, 7), (3, 7), (6, 7), (0, 1)])
def test_each_is_that_of_transformers_to_the_bit(kind, warmup, steps):
    rates = []
    for make in (curve, get_scheduler):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
        schedule = make(kind, optimizer, warmup, steps)
        rates.append([])
        for _ in range(steps + 2):
            rates[-1].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
    assert rates[0] == rates[1]


def test_by_hand():
    """Two steps of four are the rise: 0, ½, then 1 and ½ of the line, 1 and ½ of the half wave, and 0 at the end."""
    for kind in ("linear", "cosine"):
        assert [share(kind, 2, 4, step) for step in range(5)] == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-15)
    assert [share("constant_with_warmup", 2, 4, step) for step in range(4)] == [0, 0.5, 1, 1]
    assert share("constant", 2, 4, 0) == 1


def test_a_process_that_trains_imports_neither_peft_nor_bitsandbytes():
    """They take as long as torch itself."""
    asked = "import sys, blur_pipeline.training.loop; print(sorted({'peft', 'bitsandbytes'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
