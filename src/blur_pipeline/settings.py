"""Project settings (https://docs.kedro.org/en/stable/configure/settings/)."""

from kedro.config import OmegaConfigLoader
from omegaconf.resolvers import oc

from blur_pipeline.hooks import DoorCheck, RunRecord

# Registered in this order, called in the reverse one.
door = DoorCheck()
HOOKS = (RunRecord(door), door)

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*"]},
    # An environment states only what differs: its keys are merged into the base environment's.
    "merge_strategy": {"parameters": "soft", "catalog": "soft", "mlflow": "soft", "globals": "soft"},
    "custom_resolvers": {"oc.env": oc.env},
}
