"""What of a model is moved to the device: what will run there, and no more."""

import pytest
import torch

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.stopping import Best, Fixed, Off
from tests.conftest import build_tiny_model, random_examples

CPU = torch.device("cpu")
READS_LAYER_ONE = Recipe(
    forget={"kind": "rmu", "layer": 1},
    retain={"kind": "activation_mse", "layer": 1},
    scope={"kind": "modules", "patterns": ["*.layers.1.mlp.down_proj.weight"]},
)


def moved(monkeypatch, run: Run) -> set[str]:
    """Names of the parameters that the run asked the device for; on a CPU that leaves them where they are."""
    model = build_tiny_model(layers=4)
    names = {p.data_ptr(): n for n, p in model.named_parameters()}
    found, to = set(), torch.Tensor.to

    def watch(self, *args, **kwargs):
        if CPU in args:
            found.add(names.get(self.data_ptr()))
        return to(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "to", watch)
        train(model, run, CPU)
    return found - {None}


def run_of(stopping) -> Run:
    schedule = Schedule(steps=1, batch_size=2)
    return Run(READS_LAYER_ONE, schedule, random_examples(4, 2), random_examples(4, 1), 0, Engine(), stopping)


def test_what_lies_above_the_read_layer_stays_away(monkeypatch):
    found = moved(monkeypatch, run_of(Off()))
    assert {n.split(".")[2] for n in found if ".layers." in n} == {"0", "1"}
    assert "lm_head.weight" not in found


@pytest.mark.parametrize("stopping", [Fixed(steps=1, rows=2), Best(rows=2)])
def test_who_validates_needs_all_of_it(monkeypatch, stopping):
    """Validation asks the whole model for the probability of tokens."""
    assert moved(monkeypatch, run_of(stopping)) == {n for n, _ in build_tiny_model(layers=4).named_parameters()}
