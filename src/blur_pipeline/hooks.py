"""What happens around every run: the check at the door, and the record of what was done."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from blur_pipeline.parameters import Parameters


class DoorCheck:
    """Bad input ends in one sentence before any work is spent and before an MLflow run is opened."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check every parameter at once, misspelt top-level keys included."""
        from blur_pipeline.parameters import check_parameters

        self.project = Path(context.project_path)
        self.parameters = check_parameters(context.config_loader["parameters"])

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Look at files, folder, device and models, and at what an earlier run should have left."""
        from blur_pipeline.preflight import preflight, require_inputs

        preflight(self.parameters, self.project / "data", pipeline.inputs())
        wanted = [name for name in pipeline.inputs() if not name.startswith("params:")]
        require_inputs([name for name in wanted if not catalog.exists(name)])


class RunRecord:
    """The run in MLflow and in the report: parameters one by one, versions, commit, hardware, durations."""

    def __init__(self, door: DoorCheck) -> None:
        self.door = door  # has checked the parameters before any of the following is called

    @property
    def parameters(self) -> Parameters:
        """The checked parameters of this run."""
        return self.door.parameters

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog, save_version: str | None) -> None:
        """Give the report its ``run_record``: a live dictionary that fills as the run goes."""
        from kedro.io import MemoryDataset

        self.save_version = save_version
        self.record: dict[str, Any] = {
            "parameters": self.parameters.model_dump(),
            "facts": {},
            "read": {},
            "written": {},
            "seconds": {},
        }
        catalog["run_record"] = MemoryDataset(self.record, copy_mode="assign")

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Collect the facts; kedro-mlflow has opened the run already."""
        from blur_pipeline.provenance import run_facts, versions_read
        from blur_pipeline.tracking import close_dead_runs, log_parameters, set_tags

        _quiet_bars()
        self.started = time.perf_counter()
        self.record["facts"] |= run_facts(self.door.project, self.save_version)
        self.record["read"] |= versions_read(pipeline, catalog)
        log_parameters(self.parameters)
        close_dead_runs()
        set_tags({"host": socket.gethostname(), "pid": str(os.getpid())})
        set_tags({**self.record["facts"], **{f"read.{n}": v for n, v in self.record["read"].items()}})

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self.node_started = time.perf_counter()

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Note the version; send final metrics, figures and reports to MLflow as they appear."""
        from blur_pipeline.tracking import log_result

        # A streamed table is made while it is saved: only now is its node done.
        self.record["seconds"][node.name] = round(time.perf_counter() - self.node_started, 1)
        self.record["written"][dataset_name] = self.save_version
        log_result(dataset_name, data)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Register the unlearned model and say where everything is; kedro-mlflow closes the run after this."""
        from blur_pipeline.registration import register_model
        from blur_pipeline.summary import print_summary
        from blur_pipeline.tracking import log_seconds

        self.record["facts"]["seconds in all"] = round(time.perf_counter() - self.started, 1)
        log_seconds(self.record["seconds"], self.record["facts"]["seconds in all"])
        if "unlearned_model" in pipeline.outputs() | pipeline.all_outputs():
            register_model(catalog, self.parameters)
        print_summary(pipeline, catalog, self.record)


def _quiet_bars() -> None:
    """Libraries' bars for work of milliseconds hide the ones that people wait for."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
