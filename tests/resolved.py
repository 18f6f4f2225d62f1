"""The parameters of the shipped environments: to resolve one takes a second, and a few hundred tests want them."""

import functools
import json
from typing import Any

from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from blur_pipeline.settings import CONFIG_LOADER_ARGS
from tests.conftest import PROJECT


def loader(env: str, **runtime: Any) -> IdentifyingConfigLoader:
    return IdentifyingConfigLoader(str(PROJECT / "conf"), env=env, runtime_params=runtime, **CONFIG_LOADER_ARGS)


def resolved(env: str = "base", **runtime: Any) -> dict:
    """Once a process; not to be changed."""
    return _resolved(env, json.dumps(runtime))


@functools.cache
def _resolved(env: str, runtime: str) -> dict:
    return loader(env, **json.loads(runtime))["parameters"]


def with_method(raw: dict, method: str) -> dict:
    """As ``--params method=…`` makes them: two places say it."""
    return raw | {"method": method, "unlearning": raw["unlearning"] | {"method": method}}
