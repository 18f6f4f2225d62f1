"""Whether sequences that share a row see each other, asked of the model itself."""

import pytest
import torch
from transformers import AutoModelForCausalLM, BloomConfig, Lfm2Config, MambaConfig

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.isolation import require_isolation
from blur_pipeline.pipelines import training_run
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples
from tests.models.test_masks import CONFIGS, SHAPE

LEAKY = {
    "convolution": Lfm2Config(**SHAPE, layer_types=["conv", "full_attention"]),
    "state space": MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4),
}
TIGHT = CONFIGS | {"alibi": BloomConfig(vocab_size=64, hidden_size=16, n_layer=2, n_head=2)}


@pytest.mark.parametrize("name", TIGHT)
def test_attention_keeps_them_apart(name):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(TIGHT[name]).train()
    require_isolation(model)
    assert model.training


@pytest.mark.parametrize("name", LEAKY)
def test_who_does_not_is_refused_in_a_sentence(name):
    """With weights as small as they are drawn, when little leaks."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(LEAKY[name])
    with pytest.raises(BadInputError, match=r"'training\.layout' is packed, but in this model \((Lfm2|Mamba)F"):
        require_isolation(model)


def test_it_is_asked_before_a_training(tmp_path, monkeypatch):
    """Not by a layout that pads, and before anything is written."""
    asked = []
    monkeypatch.setattr("blur_pipeline.models.isolation.require_isolation", asked.append)
    monkeypatch.setattr(training_run, "_in_this_process", lambda model, run, device: (model, []))
    for layout in ("right", "packed"):
        run = Run(Recipe(), Schedule(steps=1), random_examples(3, seed=1), engine=Engine(layout=layout))
        training_run.run_training("Training", build_tiny_model(), run, "cpu", str(tmp_path))
    assert len(asked) == 1
