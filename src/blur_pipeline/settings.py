"""Project settings (https://docs.kedro.org/en/stable/configure/settings/)."""

from omegaconf.resolvers import oc

from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from blur_pipeline.hooks.console import Telling
from blur_pipeline.hooks.door import DoorCheck
from blur_pipeline.hooks.lineage import Lineage
from blur_pipeline.hooks.mlflow_run import MlflowRun
from blur_pipeline.hooks.record import RunRecord
from blur_pipeline.hooks.unread import Unread
from blur_pipeline.hooks.viz import RunStatus

# Registered in this order, called in the reverse one.
door = DoorCheck()
lineage = Lineage(door)
telling = Telling(door, lineage)
HOOKS = (RunStatus(lineage), telling, RunRecord(door, lineage), Unread(door), lineage, door, MlflowRun())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)  # MlflowRun calls them

CONFIG_LOADER_CLASS = IdentifyingConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*"]},
    # An environment states only what differs: its keys are merged into the base environment's.
    "merge_strategy": {"parameters": "soft", "catalog": "soft", "mlflow": "soft", "globals": "soft"},
    "custom_resolvers": {"oc.env": oc.env},
}
