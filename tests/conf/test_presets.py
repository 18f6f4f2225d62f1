"""Every preset of the embedded default trains: two steps of a tiny model with all that its losses ask for."""

import math
import re

import pytest
import torch

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from tests.conf.test_environments import METHODS
from tests.conftest import PROJECT, build_tiny_model, random_examples
from tests.resolved import resolved
from tests.training.test_every_cut import with_companions

PRESETS = PROJECT / "conf/base/parameters/methods"
TRAINED = [name for name in METHODS if not re.search("^ +edit:", (PRESETS / f"{name}.yml").read_text(), re.MULTILINE)]
"""Edits are tried in tests/end_to_end/test_edits.py."""


@pytest.mark.parametrize("method", TRAINED)
def test_a_preset_trains(method):
    preset = check_parameters(resolved("base")).unlearning.methods[method]
    recipe = Recipe(**{name: getattr(preset, name) for name in Recipe.model_fields})
    forget = with_companions(random_examples(6, seed=1).with_reference([-20.0] * 6))
    beside = {*recipe.sets(), *(loss.measures for _, _, loss in recipe.losses())} - {"forget", "retain", None}
    further = {name: random_examples(6, seed=7) for name in beside}
    schedule = Schedule(steps=2, batch_size=4)
    before = build_tiny_model()
    model, rows = train(build_tiny_model(), Run(recipe, schedule, random_examples(6, seed=2), forget, further=further))
    assert all(math.isfinite(row["direction_norm"]) for row in rows)
    state = before.state_dict()
    assert any(not torch.equal(value, state[name]) for name, value in model.state_dict().items())
