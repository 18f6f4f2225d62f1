"""Bad input ends in one sentence before any work is spent and before an MLflow run is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from blur_pipeline.config.errors import BadInputError

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.lineage.identities import Identities

SEQUENTIAL = "SequentialRunner"


class DoorCheck:
    """Checks parameters, files, folder, device and models; holds what every other hook needs to know of the run."""

    project: Path
    parameters: Parameters
    identities: Identities

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check every parameter at once, misspelt top-level keys included."""
        self.project = Path(context.project_path)
        self.config_loader = context.config_loader
        self.parameters = self.config_loader.checked()
        _require_store(context.config_loader)

    def elsewhere(self) -> dict[str, str]:
        """As of a run's parameters the folder of configuration, where it is not the project's own."""
        source, own = Path(self.config_loader.conf_source).resolve(), (self.project / "conf").resolve()
        if source == own:
            return {}
        inside = source.is_relative_to(self.project.resolve())
        return {"conf_source": str(source.relative_to(self.project.resolve()) if inside else source)}

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """Nodes get the checked parameters as one typed block."""
        catalog["parameters"].save(self.parameters)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Look at what the parameters' types do not say, and at the content of every input."""
        from blur_pipeline.config.door import preflight

        _refuse_threads(run_params)
        preflight(self.parameters, self.project / "data", pipeline.all_outputs())
        self.identities = self.config_loader.identities()


def _require_store(config_loader: Any) -> None:
    """Before kedro-mlflow opens it; a run within another one finds it open."""
    import mlflow

    from blur_pipeline.tracking.making import making
    from blur_pipeline.tracking.store import address_of, require_store

    if mlflow.active_run():
        return
    address = address_of(config_loader["mlflow"])
    with making(address.uri):
        require_store(*address)


def _refuse_threads(run_params: dict[str, Any]) -> None:
    runner = str(run_params.get("runner"))
    if runner != "None" and SEQUENTIAL not in runner:
        raise BadInputError(
            "Nodes of this project run one after the other: each uses all cores or the GPU, and two trainings in one "
            "process would share a random generator; leave --runner out, or use training.processes for several GPUs."
        )
