"""Resolving the parameters takes 0.4 s, and Kedro, the hooks and the catalog ask for them again and again."""

import pytest

from blur_pipeline.commands.runs import forget_what_was_seen
from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from tests.resolved import loader


@pytest.fixture
def read(monkeypatch):
    """What the loaders read from files, in order."""
    keys, read = [], IdentifyingConfigLoader._read_raw_config
    monkeypatch.setattr(
        IdentifyingConfigLoader, "_read_raw_config", lambda self, key: (keys.append(key), read(self, key))[1]
    )
    yield keys
    forget_what_was_seen()


@pytest.mark.parametrize("own", ["base", "target", "retrained"])
def test_the_catalog_trusts_each_model_as_today_s_parameters_do(own, tmp_path):
    """One that is trained has the code of the base model, and what is unlearned has that of its target."""
    models = {"base": {"kind": "pretrained", "path": str(tmp_path), "trust_remote_code": own == "base"}}
    if own != "base":
        models[own] = {"kind": "given", "path": str(tmp_path), "trust_remote_code": True}
    catalog = loader("base", models=models)["catalog"]
    trusted = {name for name, said in catalog.items() if said.get("trust_remote_code")}
    everywhere = {"base_model", "tokenizer", "target_model", "retrained_model", "unlearned_model"}
    of_target = {"target_model", "unlearned_model"}
    assert trusted == {"base": everywhere, "target": of_target, "retrained": {"retrained_model"}}[own]


def test_nobody_has_trusted_a_model_that_somebody_else_made(tmp_path):
    """Door and node read it without code of its own; what is measured is the same."""
    models = {"target": {"kind": "given", "path": str(tmp_path), "trust_remote_code": True}}
    edit = {"methods": {"given": {"edit": {"kind": "given", "path": str(tmp_path)}}}}
    catalog = loader("base", models=models, method="given", unlearning=edit)["catalog"]
    assert catalog["target_model"]["trust_remote_code"]
    assert not catalog["unlearned_model"]["trust_remote_code"]


def test_what_a_run_asks_for_is_read_once(read):
    config = loader("base")
    for _ in range(2):
        config["parameters"], config["catalog"], config.checked(), config.identities()
    assert read == ["globals", "parameters", "catalog"]


def test_who_asks_may_change_what_he_is_given(read):
    config = loader("base")
    config["parameters"]["models"]["base"]["layers"] = 77
    assert config["parameters"]["models"]["base"]["layers"] != 77


def test_a_run_takes_what_its_command_saw_ahead_and_nobody_else_does(read):
    ahead = IdentifyingConfigLoader.ahead = loader("base", seed=3)
    ahead["parameters"]
    same, other = loader("base", seed=3), loader("base", seed=4)
    assert same["parameters"] == ahead["parameters"]
    assert read == ["globals", "parameters", "globals"]
    assert other["parameters"]["seed"] == 4
    forget_what_was_seen()
    loader("base", seed=3)["parameters"]
    assert read[3:] == ["parameters", "globals", "parameters"]
