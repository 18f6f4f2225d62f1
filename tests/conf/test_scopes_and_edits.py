"""Presets of scopes and edits: no environment takes a number from the embedded default."""

import pytest
import yaml

from blur_pipeline.config.flat import flatten
from tests.conf.test_environments import parameters_of
from tests.conftest import PROJECT

PRESETS = ["wagle_npo", "prune_npo", "layers_npo", "loku", "input_vector", "task_vector", "interpolation", "repselect"]
PRESETS += ["ssd"]
ENVIRONMENTS = ["tofu", "muse_news", "muse_books", "wmdp", "smollm2", "own_data"]


def presets(env: str, name: str = "parameters_methods_scopes.yml") -> dict:
    return yaml.safe_load((PROJECT / "conf" / env / name).read_text())["unlearning"]["methods"]


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("method", PRESETS)
def test_an_environment_says_every_number_itself(env, method):
    default = flatten(presets("base", f"parameters/methods/{method}.yml")[method] | {"ranges": {}})
    said = flatten(presets(env)[method])
    assert {key for key in default if not key.endswith("kind")} <= said.keys()


def test_seuf_stands_where_mixtures_of_experts_are_published():
    recipe = parameters_of("wmdp", "seuf").unlearning.recipe
    assert [loss.kind for loss in recipe.forget] == ["npo", "router_anchor"]
    assert recipe.scope.kind == "seuf"
