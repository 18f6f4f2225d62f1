"""kedro-mlflow, without what it would write: what a run's parameters and tags are is said in record.py.

kedro-mlflow finds the experiment, opens a run, goes on with it in each node and closes it. Beside that it would log
every block of parameters as one value, and tags such as the runner's address in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

LOOKED_AT = ("tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "load_versions")
"""Options of a run that kedro-mlflow must find, for a command that record.py writes anew."""


class MlflowRun:
    """Calls kedro-mlflow's hook, whose own plugin is switched off in settings.py; imported when a run begins."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Finds the experiment, or makes it."""
        from kedro_mlflow.framework.hooks import MlflowHook

        from blur_pipeline.tracking.making import making
        from blur_pipeline.tracking.store import address_of

        self.hook = MlflowHook()
        with making(address_of(context.config_loader["mlflow"]).uri):
            self.hook.after_context_created(context)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Opens the run."""
        said = {**dict.fromkeys(LOOKED_AT), "pipeline_names": run_params.get("pipeline_names")}
        self.hook.before_pipeline_run(said, pipeline, catalog)

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog, is_async: bool) -> None:
        """Goes on with it; of no inputs it logs no parameters."""
        self.hook.before_node_run(node, catalog, {}, is_async)

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Closes it."""
        self.hook.after_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def on_pipeline_error(
        self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Closes it as failed."""
        self.hook.on_pipeline_error(error, run_params, pipeline, catalog)
