"""The configuration of a run that is only looked at: no session, no hook, no store of MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader


def loader_of(options: dict[str, Any]) -> IdentifyingConfigLoader:
    """As ``kedro run`` with the same ``env``, ``params`` and ``conf_source`` would read it."""
    from kedro.framework.project import settings

    source = options.get("conf_source") or str(Path.cwd() / settings.CONF_SOURCE)
    given = {"env": options.get("env"), "runtime_params": options.get("params") or {}}
    return settings.CONFIG_LOADER_CLASS(conf_source=source, **given, **settings.CONFIG_LOADER_ARGS)
