"""Makes runs incremental, keeps two processes from making the same thing, leaves a manifest beside each artefact."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from blur_pipeline.hooks.artefacts import Artefacts, command
from blur_pipeline.lineage.locks import StageLocks
from blur_pipeline.lineage.manifest import Made, Manifest, Parent

if TYPE_CHECKING:
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from blur_pipeline.hooks.door import DoorCheck

log = logging.getLogger(__name__)


class Lineage:
    """Before a run: choose versions, hold what will be made. After each save: the manifest."""

    artefacts: Artefacts

    def __init__(self, door: DoorCheck) -> None:
        self.door = door

    @hook_impl
    def after_catalog_created(self, save_version: str | None, load_versions: dict[str, str] | None) -> None:
        self.save_version, self.load_versions = save_version, load_versions

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Find what is there; wait for what another process is making; hold the rest."""
        from blur_pipeline.config.door import require_inputs
        from blur_pipeline.tracking.dead_runs import announce

        self.run_params, self.locks = run_params, StageLocks()
        self.started: dict[str, tuple[datetime, float]] = {}
        self.artefacts = Artefacts(
            self.door.identities, catalog, pipeline, self.save_version, self.load_versions, self.door.parameters.fresh
        )
        self.artefacts.look()
        require_inputs(self.artefacts.missing_inputs())
        try:
            for stage in self.artefacts.stages(self.artefacts.to_make()):
                self.locks.take(self.door.identities[stage])
            self.artefacts.look()  # while we waited, others may have made what we were about to
        except BaseException:
            self.locks.release_all()
            raise
        self.left = self.artefacts.to_make()
        self._release()
        self._say_what_was_found()
        announce(self.save_version)  # before kedro-mlflow opens the run

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self.started[node.name] = (datetime.now(UTC), time.perf_counter())

    @hook_impl(tryfirst=True)
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """The manifest is written when the artefact is whole; only with it the artefact counts as made."""
        if dataset_name in self.artefacts.stage_of:
            self._manifest(dataset_name, node).write()
        self.left.discard(dataset_name)
        self._release()

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        self.locks.release_all()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Others may try what this run could not make."""
        self.locks.release_all()

    def _release(self) -> None:
        busy = set(self.artefacts.stages(self.left))
        for stage in self.door.identities:
            if stage not in busy:
                self.locks.release(self.door.identities[stage])

    def _manifest(self, name: str, node: Node) -> Manifest:
        from blur_pipeline.lineage.content import Hasher, size_of
        from blur_pipeline.lineage.identities import HASHES

        stage = self.artefacts.stage_of[name]
        identity, path = self.door.identities[stage], self.artefacts.path(name)
        return Manifest(
            dataset=name,
            stage=stage,
            name=identity.name,
            identity=identity.sha256,
            version=self.save_version,
            path=str(path),
            content=Hasher(HASHES).tree(path),
            bytes=size_of(path),
            made_of=identity.made_of,
            parents=self._parents(node),
            made=self._made(name, node),
        )

    def _parents(self, node: Node) -> dict[str, Parent]:
        found = {name: self.artefacts.manifest(name) for name in node.inputs if name in self.artefacts.stage_of}
        for name in node.inputs:
            manifests = getattr(self.artefacts.datasets.get(name), "manifests", None)
            if manifests is not None:  # a dataset of several artefacts
                found |= {f"{name}, {part}": manifest for part, manifest in manifests().items()}
        return {
            name: Parent(path=m.path, identity=m.identity, content=m.content)
            for name, m in found.items()
            if m is not None
        }

    def _made(self, name: str, node: Node) -> Made:
        import mlflow

        from blur_pipeline.lineage.provenance import facts

        began, clock = self.started[node.name]
        run = mlflow.active_run()
        params = {k: v for k, v in (self.run_params.get("runtime_params") or {}).items() if k != "fresh"}
        whole = {"pipeline_names": self.run_params.get("pipeline_names"), "env": self.run_params.get("env")}
        return Made(
            node=node.name,
            command=command(self.run_params),
            again=command({**whole, "runtime_params": params, "to_outputs": [name]}),
            mlflow_run=run.info.run_id if run else None,
            tracking_uri=mlflow.get_tracking_uri() if run else None,
            started=began.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - clock, 1),
            facts=facts(self.door.project),
        )

    def _say_what_was_found(self) -> None:
        busy = set(self.artefacts.stages(self.left))
        by_run: dict[tuple[str | None, str], dict[str, None]] = {}
        for name, manifest in self.artefacts.found.items():
            stage = self.artefacts.stage_of[name]
            if stage not in busy:
                kind, _, model = stage.partition(".")
                shown = f"{kind} of {model}" if model else manifest.name
                by_run.setdefault((manifest.made.mlflow_run, manifest.version), {})[shown] = None
        for (run, version), names in by_run.items():
            log.info("Found, made by MLflow run %s (%s): %s", run, version, ", ".join(names))
