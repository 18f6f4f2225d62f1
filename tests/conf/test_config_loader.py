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
