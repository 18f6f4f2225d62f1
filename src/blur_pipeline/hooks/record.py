"""The run in MLflow and in the report: parameters one by one, identities, versions, commit, hardware, durations."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from blur_pipeline.hooks.ending import METRICS, REGISTERED, Ending
from blur_pipeline.hooks.lineage import STAGES_SHOWN

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from blur_pipeline.hooks.door import DoorCheck
    from blur_pipeline.hooks.lineage import Lineage
    from blur_pipeline.lineage.manifest import Manifest

MLFLOW_KNOWS = ("command", "started", "version", "pid")
"""Facts that MLflow says of a run by itself, or under another name."""
log = logging.getLogger(__name__)


class RunRecord:
    """Fills while the run goes; what a model is, it takes from the model's manifest, not from today's parameters."""

    def __init__(self, door: DoorCheck, lineage: Lineage) -> None:
        self.door, self.lineage = door, lineage  # both are called before this hook

    @hook_impl(trylast=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Let kedro-mlflow not open the run once more before each node: it does so for threads, and there are none.

        Within a run that is open already it must: the names that it knows its own run by are those of the outermost.
        """
        import mlflow

        context.mlflow.tracking.run.nested = mlflow.active_run() is not None

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """Give the report its ``run_record``: a live dictionary that fills as the run goes."""
        from kedro.io import MemoryDataset

        self.record: dict[str, Any] = {"facts": {}, "group": {}, "stages": {}, "made_of": {}, "seconds": {}}
        self.catalog = catalog
        catalog["run_record"] = MemoryDataset(self.record, copy_mode="assign")

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Collect the facts; kedro-mlflow has opened the run already."""
        from blur_pipeline.lineage.provenance import facts
        from blur_pipeline.tracking.dead_runs import close_dead_runs
        from blur_pipeline.tracking.experiment import introduce
        from blur_pipeline.tracking.headline import not_yet
        from blur_pipeline.tracking.results import log_identities, log_numbers, log_parameters

        _quiet_bars()
        registering = self.door.parameters.reporting.register_model
        self.to_copy = registering == "copy" and pipeline.all_outputs() >= REGISTERED
        self.started, self.node_started, parameters = time.perf_counter(), {}, self.door.parameters
        self.record["facts"] |= {
            "started": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "version": str(self.lineage.save_version),
            **_commands({**run_params, **self.door.elsewhere()}),
            **facts(self.door.project),
        }
        self.record["group"] |= self.door.identities.group
        self.record |= {"attacks": self.door.identities.attacks, "place": self.door.identities.place}
        close_dead_runs()
        introduce(parameters.benchmark, parameters.comparison)
        if pipeline.datasets() >= METRICS or "seed_table" in pipeline.all_outputs():
            log_numbers(not_yet(parameters.comparison, bool(parameters.stress.chosen())))
        self._say_what_it_is(run_params, pipeline)
        log_parameters(parameters)
        log_identities(self.door.identities)
        for name, manifest in self.lineage.artefacts.found.items():
            if name not in self.lineage.left:
                self._note(name, manifest)
        self._log_found(pipeline)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self.node_started[node.name] = time.perf_counter()
        if "report_html" in node.outputs:
            self.record["left"] = self._left()

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Send final metrics, figures and reports to MLflow as they appear."""
        from blur_pipeline.tracking.results import log_result
        from blur_pipeline.tracking.stress import log_attacks

        # A streamed table is made while it is saved: only now is its node done.
        self.record["seconds"][node.name] = round(time.perf_counter() - self.node_started[node.name], 1)
        for name in STAGES_SHOWN.keys() & set(node.outputs):  # a node's manifests are there when its last output is
            manifest = self.lineage.artefacts.manifest(name)
            if manifest is not None:
                self._note(name, manifest)
        log_result(dataset_name, data)
        if dataset_name == "stress_states":
            log_attacks(data, self.door.parameters.stress.chosen())

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Pipeline) -> None:
        """Register the unlearned model and say where everything is; kedro-mlflow closes the run after this."""
        from blur_pipeline.console.summary import PLACES, TABLES, print_summary
        from blur_pipeline.tracking.results import log_seconds

        in_all = round(time.perf_counter() - self.started, 1)
        log_seconds(self.record["seconds"], in_all)
        artefacts = self.lineage.artefacts
        ours = pipeline.all_outputs() & artefacts.datasets.keys()
        tables = {n: self.catalog.load(n) for n in TABLES if n in ours}
        outcome, registered = Ending(self.door, artefacts, self.catalog, pipeline).tell()
        lines = {"registered as": registered} if registered else {}
        lines |= {**_mlflow_run(), "seconds": str(in_all)}
        if not self.lineage.artefacts.to_make():
            lines["made anew"] = "nothing; all was there already (fresh=true makes it again)"
        places = {n: artefacts.path(n) for n in PLACES if n in ours}
        print_summary(places, tables, lines, self._left(), outcome)

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> None:
        """Say what a crash has cost; kedro-mlflow closes the run after this."""
        from blur_pipeline.tracking.notes import failed, write_note

        log.info("What was finished is kept; the same command goes on from there.")
        with suppress(Exception):  # a store that failed fails again: what is told then is the first failure
            write_note(failed(error))

    def _left(self) -> list[dict[str, str]]:
        """Of the data, by now; artifacts that MLflow keeps on another machine are named and not measured."""
        import mlflow

        from blur_pipeline.tracking.left_behind import COPY_OF_MODEL, elsewhere, left_behind
        from blur_pipeline.tracking.logged_models import copies, local, place_of_copies

        artefacts, kept = self.lineage.artefacts, self.door.parameters.evaluation.keep_scores
        folders = {"kept scores": [Path(kept)]} if kept else {}
        run = mlflow.active_run()
        if run is not None and (artifacts := local(run.info.artifact_uri)) is not None:
            folders["MLflow artifacts"] = [artifacts]
        copied = copies(self.door.identities["unlearned"].sha256) if "unlearned_model" in artefacts.stage_of else []
        found = left_behind(
            {name: artefacts.path(name) for name in artefacts.stage_of}, folders | {COPY_OF_MODEL: copied}
        )
        if self.to_copy and not copied and (place := place_of_copies()) is not None:
            found.append({"what": COPY_OF_MODEL, "where": str(place), "size": "made at the end of the run"})
        return found + ([] if run is None else elsewhere(run.info.artifact_uri, self.to_copy))

    def _note(self, name: str, manifest: Manifest) -> None:
        """Keep what the report tells of a stage."""
        from blur_pipeline.lineage.content import Hasher
        from blur_pipeline.lineage.identities import HASHES
        from blur_pipeline.lineage.weights import weights_of
        from blur_pipeline.tracking.registration import digests
        from blur_pipeline.tracking.results import set_tags

        if name not in STAGES_SHOWN:
            return
        made, stages = manifest.made, self.record["stages"]
        stages[STAGES_SHOWN[name]] = {
            "name": manifest.name,
            "made": made.finished,
            "seconds": made.seconds,
            "commit": made.facts["git commit"],
            "hardware": made.facts["hardware"],
            "MLflow run": made.mlflow_run or "none",
            "again": made.again,
        }
        for shown in STAGES_SHOWN.values():  # in the order of the protocol, not in that of what came first
            if shown in stages:
                stages[shown] = stages.pop(shown)
        self.record["made_of"][STAGES_SHOWN[name]] = manifest.made_of["decided_by"]
        if name.endswith(("_model", ".metrics")):
            set_tags({f"made_by.{name}": made.mlflow_run or "none"})
        if name == "unlearned_model":
            self.record |= {"content": manifest.content, "weights": weights_of(manifest, Hasher(HASHES))}
            set_tags(digests(manifest))

    def _log_found(self, pipeline: Pipeline) -> None:
        """Results of earlier runs that this one stands on: its MLflow run tells the whole, like any other.

        A comparison stands on none that it could call its own.
        """
        from blur_pipeline.tracking.results import is_result, log_result

        for name in sorted(self.lineage.artefacts.found.keys() & pipeline.datasets()):
            if name not in self.lineage.left and is_result(name):
                log_result(name, self.catalog.load(name))

    def _say_what_it_is(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Its name and tags."""
        from blur_pipeline.tracking.naming import run_name
        from blur_pipeline.tracking.results import set_tags

        made, said = pipeline.all_outputs(), list(run_params.get("pipeline_names") or [])
        name = run_name(self.door.parameters, run_params.get("runtime_params") or {}, made, said)
        found = "unlearned_model" in made and not self.lineage.left
        facts = {what: fact for what, fact in self.record["facts"].items() if what not in MLFLOW_KNOWS}
        commit, _, changed = facts["git commit"].partition(" ")
        tags = {
            "mlflow.runName": f"{name}: all found" if found else name,
            "kedro_command": self.record["facts"]["command"],
        }
        if pipeline.datasets() >= METRICS:
            tags["outcome"] = "not measured yet"  # the tag that comes first is shown first
        if commit != "none":
            tags |= {"mlflow.source.git.commit": commit, "mlflow.source.git.dirty": str(bool(changed)).lower()}
        set_tags(tags | facts)


def _commands(run_params: dict[str, Any]) -> dict[str, str]:
    """As it was typed; and what does this run alone, where that is another: it may be one of several of a command."""
    from blur_pipeline.hooks.artefacts import command
    from blur_pipeline.lineage.provenance import alike, typed

    alone, given = command(run_params), typed(sys.argv)
    if given is None or alike(given, alone):
        return {"command": given or alone}
    return {"command": given, "by hand": alone}


def _mlflow_run() -> dict[str, str]:
    import mlflow

    from blur_pipeline.lineage.provenance import without_password
    from blur_pipeline.tracking.notes import page_of

    run = mlflow.active_run()
    if run is None:
        return {"MLflow run": "none"}
    uri = without_password(mlflow.get_tracking_uri())
    page = page_of(run.info.experiment_id, run.info.run_id)
    if uri.startswith("http"):
        return {"MLflow run": f"{uri.rstrip('/')}/{page}"}
    look = f"mlflow ui --backend-store-uri {uri}"
    return {"MLflow run": run.info.run_id, "to look at it": look, "it is then at": f"http://127.0.0.1:5000/{page}"}


def _quiet_bars() -> None:
    """Libraries' bars for work of milliseconds hide the ones that people wait for."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
