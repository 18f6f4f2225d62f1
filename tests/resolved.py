"""The parameters of the shipped environments: to resolve one takes a second, and a few hundred tests want them."""

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from blur_pipeline.settings import CONFIG_LOADER_ARGS
from tests import presets
from tests.conftest import PROJECT

PRESETS = ("blur_npo", "npo", "simnpo", "ga", "blur_rmu", "rmu", "ssd", "task_vector", "given")
"""Those that stand for all, where no other is named."""


def loader(env: str, **runtime: Any) -> IdentifyingConfigLoader:
    """With a few presets: all of them are nine tenths of what it reads."""
    return _loader(few(), env, runtime)


@functools.cache
def few() -> Path:
    """conf/ with ``PRESETS`` alone."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(PROJECT / "conf", folder / "conf")
    presets.keep(folder / "conf", PRESETS)
    return folder / "conf"


def _loader(conf: Path, env: str, runtime: dict[str, Any]) -> IdentifyingConfigLoader:
    return IdentifyingConfigLoader(str(conf), env=env, runtime_params=runtime, **CONFIG_LOADER_ARGS)


def resolved(env: str = "base", **runtime: Any) -> dict:
    """With every preset. Once a process; not to be changed."""
    return _resolved(env, json.dumps(runtime))


@functools.cache
def _resolved(env: str, runtime: str) -> dict:
    return _loader(PROJECT / "conf", env, json.loads(runtime))["parameters"]


def with_method(raw: dict, method: str) -> dict:
    """As ``--params method=…`` makes them: two places say it."""
    return raw | {"method": method, "unlearning": raw["unlearning"] | {"method": method}}
