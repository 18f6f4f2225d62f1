"""What a reader does with what a campaign chose: the commands in settings.yml, and the file itself."""

import json
import shlex
import shutil

import pandas as pd
import pytest
from kedro.framework.cli.utils import _split_params

from blur_pipeline.campaign import tables
from blur_pipeline.campaign.by_hand import whole_run
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.hooks.artefacts import command
from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from blur_pipeline.settings import CONFIG_LOADER_ARGS
from tests.campaign.given import plan
from tests.conf.test_environments import ENVIRONMENTS, loader
from tests.conftest import PROJECT

TEXT = "methods: [npo]\nseeds: [10]\nreported: [0]"
CHOSE = {"optimizer.lr": 1.25e-05, "forget.beta": 0.05}


def chosen(env: str | None, given: dict, world: dict) -> pd.DataFrame:
    """The table of what was tried, of one setting, with the command of its run as a campaign writes it."""
    settings = {f"unlearning.methods.npo.{name}": value for name, value in CHOSE.items()}
    said = given | {"reporting.register_model": "none", "method": "npo", **world, **settings, "stress.profile": "off"}
    by_hand = command({"env": env, "to_outputs": ["unlearned.metrics"], "runtime_params": said})
    row = ("npo", 1, "", tables.CHOSEN, 0.1, 0.9, "", 1, "", json.dumps(CHOSE), 1.0, "run", by_hand)
    return pd.DataFrame([row], columns=tables.TRIED_COLUMNS)


def settings_yaml(tmp_path, tried: pd.DataFrame, env: str) -> str:
    none = pd.DataFrame(columns=["method", "why"])
    return tables.settings_yaml(tried, none, none, plan(tmp_path, TEXT, env))


def values(raw: dict) -> tuple[float, float]:
    npo = check_parameters(raw).unlearning.methods["npo"]
    return npo.optimizer.lr, npo.forget[0].beta


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_command_in_the_file_runs_what_was_chosen_in_any_environment(tmp_path, env):
    world = {"seed": 10} if env == "base" else {"unlearning.seed": 10, "evaluation.half": "tuning"}
    tried = chosen(None if env == "base" else env, {"models.seed": 3}, world)
    line = next(line for line in settings_yaml(tmp_path, tried, env).splitlines() if line.startswith("#   kedro run "))
    words = shlex.split(line.removeprefix("#"))
    assert words[2:-2] == ([] if env == "base" else ["--env", env])
    params = _split_params(None, None, words[-1])
    assert params["models"] == {"seed": 3}  # what the campaign was asked with stays
    assert params.keys() == {"models", "method", "unlearning"}  # and what it judged by does not
    assert params["unlearning"].keys() == {"methods"}
    assert values(loader(env, **params)["parameters"]) == (1.25e-05, 0.05)


def test_the_file_may_lie_in_conf_local_and_not_beside_files_that_say_the_same(tmp_path):
    text = settings_yaml(tmp_path, chosen(None, {}, {"seed": 10}), "base")
    conf = shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    for env in ("local", "tofu"):
        (conf / env / "parameters_campaign.yml").write_text(text)
    resolved = lambda env: IdentifyingConfigLoader(str(conf), env=env, **CONFIG_LOADER_ARGS)["parameters"]
    assert values(resolved(None)) == (1.25e-05, 0.05)
    with pytest.raises(BadInputError, match="say the same twice"):
        resolved("tofu")


def test_a_method_of_which_nothing_varies_has_its_command_too(tmp_path):
    tried = chosen(None, {}, {"seed": 10}).assign(values="{}")
    text = settings_yaml(tmp_path, tried, "base")
    assert "#   kedro run --params " in text
    assert "method=npo" in text
    assert text.endswith("\n{}\n")


def test_a_command_without_parameters_is_left_as_it_is():
    assert whole_run("kedro run --env tofu", ["seed"]) == "kedro run --env tofu"
