"""The run in MLflow and in the report: parameters one by one, identities, versions, commit, hardware, durations."""

from __future__ import annotations

import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from blur_pipeline.hooks.lineage import STAGES_SHOWN

if TYPE_CHECKING:
    import pandas as pd
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from blur_pipeline.hooks.door import DoorCheck
    from blur_pipeline.hooks.lineage import Lineage
    from blur_pipeline.lineage.manifest import Manifest

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
        from blur_pipeline.hooks.artefacts import command
        from blur_pipeline.lineage.provenance import facts
        from blur_pipeline.tracking.dead_runs import close_dead_runs
        from blur_pipeline.tracking.results import identity_tags, log_parameters, name_run, set_tags

        _quiet_bars()
        self.started, self.node_started = time.perf_counter(), {}
        self.record["facts"] |= {
            "started": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "version": str(self.lineage.save_version),
            "command": command(run_params),
            **facts(self.door.project),
        }
        self.record["group"] |= self.door.identities.group
        self.record |= {"attacks": self.door.identities.attacks, "place": self.door.identities.place}
        close_dead_runs()
        name_run(self._name(pipeline))
        log_parameters(self.door.parameters)
        set_tags({**self.record["facts"], **identity_tags(self.door.identities)})
        for name, manifest in self.lineage.artefacts.found.items():
            if name not in self.lineage.left:
                self._note(name, manifest)
        self._log_found()

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
        registered = self._register() if {"unlearned_model", "unlearned.metrics"} <= ours else None
        lines = {"registered as": registered} if registered else {}
        lines |= {**_mlflow_run(), "seconds": str(in_all)}
        if not self.lineage.artefacts.to_make():
            lines["made anew"] = "nothing; all was there already (fresh=true makes it again)"
        places = {n: artefacts.path(n) for n in PLACES if n in ours}
        print_summary(places, tables, lines, self._left(), self._outcome(tables))

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Say what a crash has cost."""
        log.info("What was finished is kept; the same command goes on from there.")

    def _outcome(self, tables: dict[str, pd.DataFrame]) -> str | None:
        from blur_pipeline.report.outcome import outcome
        from blur_pipeline.tracking.results import set_tags

        if "metrics_long" not in tables:
            return None
        parameters = self.door.parameters
        limits = parameters.reporting.limit, parameters.reporting.residual_limit
        found = outcome(tables["metrics_long"], parameters.comparison, *limits)
        set_tags({"outcome": found.state, "outcome.reason": found.reason})
        return str(found)

    def _left(self) -> list[dict[str, str]]:
        """Of the data, by now; artifacts that MLflow keeps on another machine are not measured."""
        import mlflow

        from blur_pipeline.tracking.left_behind import left_behind

        artefacts, kept = self.lineage.artefacts, self.door.parameters.evaluation.keep_scores
        folders = {"kept scores": Path(kept)} if kept else {}
        run = mlflow.active_run()
        if run is not None and "://" not in run.info.artifact_uri.removeprefix("file://"):
            folders["MLflow artifacts"] = Path(run.info.artifact_uri.removeprefix("file://"))
        return left_behind({name: artefacts.path(name) for name in artefacts.stage_of}, folders)

    def _register(self) -> str | None:
        from blur_pipeline.tracking.registration import register_model
        from blur_pipeline.tracking.results import metrics_of

        artefacts, parameters = self.lineage.artefacts, self.door.parameters
        metrics = metrics_of("unlearned", self.catalog.load("unlearned.metrics"))
        name = f"{self.door.identities.place}/{parameters.method}".replace("/", "-")
        tokenizer = Path(self.catalog["tokenizer"]._get_load_path())
        return register_model(artefacts.manifest("unlearned_model"), tokenizer, parameters, metrics, name)

    def _note(self, name: str, manifest: Manifest) -> None:
        """Keep what the report tells of a stage."""
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
        set_tags({f"made_by.{name}": made.mlflow_run or "none"})

    def _log_found(self) -> None:
        """Results of earlier runs that this one stands on: its MLflow run tells the whole, like any other."""
        from blur_pipeline.tracking.results import is_result, log_result

        for name in sorted(self.lineage.artefacts.found):
            if name not in self.lineage.left and is_result(name):
                log_result(name, self.catalog.load(name))

    def _name(self, pipeline: Pipeline) -> str:
        parameters, made = self.door.parameters, pipeline.all_outputs()
        if "unlearned_model" not in made:
            seeds = f"seeds: {parameters.method} ×{len(set(parameters.unlearning.seeds))}"
            known = {"campaign_table": f"campaign {Path(parameters.campaign.path).stem}"}
            known |= {"leaderboard": "comparison", "seed_metrics": seeds, "target_model": "target"}
            known["retrained_model"] = f"retrained, seed {parameters.models.seed}"
            return next((name for output, name in known.items() if output in made), "evaluation")
        seeds = {parameters.curation.seed, parameters.models.seed, parameters.unlearning.seed}
        name = f"{parameters.method}, seed {parameters.unlearning.seed}"
        if len(seeds) > 1:
            name += f" (data {parameters.curation.seed}, target {parameters.models.seed})"
        return name if self.lineage.left else f"{name}: all found"


def _mlflow_run() -> dict[str, str]:
    import mlflow

    from blur_pipeline.lineage.provenance import without_password

    run = mlflow.active_run()
    if run is None:
        return {"MLflow run": "none"}
    look = f"mlflow ui --backend-store-uri {without_password(mlflow.get_tracking_uri())}"
    return {"MLflow run": run.info.run_id, "to look at it": look}


def _quiet_bars() -> None:
    """Libraries' bars for work of milliseconds hide the ones that people wait for."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
