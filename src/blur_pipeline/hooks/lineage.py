"""Makes runs incremental, keeps two processes from making the same thing, leaves a manifest beside each artefact."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.hooks.artefacts import Artefacts, command
from blur_pipeline.hooks.damage import mark_damaged
from blur_pipeline.lineage.content import address
from blur_pipeline.lineage.locks import StageLocks
from blur_pipeline.lineage.manifest import Made, Manifest, Parent
from blur_pipeline.training.finished import clear_finished

if TYPE_CHECKING:
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.hooks.door import DoorCheck

STAGES_SHOWN = {
    "forget_tokens": "data",
    "evaluation_tokens": "questions",
    "target_model": "target",
    "retrained_model": "retrained",
    "unlearned_model": "unlearned",
    "target.metrics": "metrics of target",
    "retrained.metrics": "metrics of retrained",
    "unlearned.metrics": "metrics of unlearned",
}
"""What a report tells of, whichever part of the protocol is run."""
APART = ("seeds", "shadows", "comparison", "campaign")
"""Pipelines that are no part of the whole protocol, and collect what its runs have left."""
log = logging.getLogger(__name__)


def addresses(parameters: Parameters) -> dict[str, str]:
    """Where the models lie that are not kept in the catalog, by dataset."""
    models, edit = parameters.models, parameters.unlearning.edit
    found = {"base_model": models.base, "target_model": models.target, "retrained_model": models.retrained}
    unlearned = {} if edit is None or edit.folder is None else {"unlearned_model": edit.folder}
    return unlearned | {
        name: address(model.path, getattr(model, "revision", None))
        for name, model in found.items()
        if getattr(model, "path", None) is not None
    }


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
        from blur_pipeline.console.screen import SCREEN
        from blur_pipeline.tracking.dead_runs import announce

        self.run_params = {**run_params, **self.door.elsewhere()}
        self.locks = StageLocks(going_on=SCREEN.going_on.now)
        self.started: dict[str, tuple[datetime, float]] = {}
        self.unwritten: dict[str, Manifest] = {}
        # Kedro runs every node unless it was told otherwise, as our command always does: then all is made anew.
        fresh = self.door.parameters.fresh or not run_params.get("only_missing_outputs")
        self.artefacts = Artefacts(
            self.door.identities,
            catalog,
            pipeline,
            self.save_version,
            self.load_versions,
            fresh,
            addresses(self.door.parameters),
            STAGES_SHOWN,
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
        """The manifest is written when the artefact is whole; only with it the artefact counts as made.

        Those of one node are written together: with some of them alone, the node would make these a second time.
        """
        if dataset_name in self.artefacts.stage_of:
            if "parameters" in node.inputs:  # or it reads nothing but artefacts
                self._require_same_inputs(self.artefacts.stage_of[dataset_name])
            self.unwritten[dataset_name] = self._manifest(dataset_name, node)
            self._write_when_all_are_saved(node)
        else:
            self.left.discard(dataset_name)
        if not self.left & set(node.outputs):
            clear_finished(self.door.parameters.checkpoint_folder)
        self._release()

    def _write_when_all_are_saved(self, node: Node) -> None:
        outputs = [name for name in node.outputs if name in self.artefacts.stage_of]
        if self.unwritten.keys() >= set(outputs):
            for name in outputs:
                self.unwritten.pop(name).write()
                self.left.discard(name)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        self.locks.release_all()
        if self._stands_on_old_versions():
            log.warning("Something was made anew that is not, to the bit, what other artefacts were made of; the same "
                        "command makes those again")  # fmt: skip

    @hook_impl
    def on_node_error(self, error: Exception, node: Node) -> None:
        """What a node itself refused a campaign tells from what door, files and store did: ``of_node``."""
        error.of_node = node.name

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Others may try what this run could not make."""
        mark_damaged(error, self.artefacts)
        self.locks.release_all()

    def _stands_on_old_versions(self) -> bool:
        left, made = self.artefacts, self.artefacts.to_make()
        manifests = {name: left.manifest(name) for name in left.found.keys() - made}
        return any(
            (parent := left.manifest(name)) is not None and parent.content != wanted.content
            for manifest in manifests.values()
            if manifest is not None
            for name, wanted in manifest.parents.items()
            if name in made
        )

    def _require_same_inputs(self, stage: str) -> None:
        """An input that was edited while the run went on must not be filed under what it was at the start."""
        from blur_pipeline.lineage.identities import identify_stage

        if identify_stage(self.door.parameters, stage).sha256 != self.door.identities[stage].sha256:
            raise BadInputError(
                f"An input of the stage '{stage}' was changed while the run went on; what was made of it is not kept. "
                "Leave the files as they are and do the same command again."
            )

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
        content, weights = Hasher(HASHES).held(path)
        return Manifest(
            dataset=name,
            stage=stage,
            name=identity.name,
            identity=identity.sha256,
            version=self.save_version,
            path=str(path),
            content=content,
            weights=weights,
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

        from blur_pipeline.lineage.provenance import facts, without_password

        began, clock = self.started[node.name]
        run = mlflow.active_run()
        params = {k: v for k, v in (self.run_params.get("runtime_params") or {}).items() if k != "fresh"}
        # The whole protocol makes what a part of it needs; what stands apart is no part of it.
        apart = [name for name in self.run_params.get("pipeline_names") or [] if name in APART]
        whole = {"pipeline_names": apart, **{k: self.run_params.get(k) for k in ("env", "conf_source")}}
        return Made(
            node=node.name,
            command=command(self.run_params),
            again=command({**whole, "runtime_params": params, "to_outputs": [] if apart else [name]}),
            mlflow_run=run.info.run_id if run else None,
            tracking_uri=without_password(mlflow.get_tracking_uri()) if run else None,
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
