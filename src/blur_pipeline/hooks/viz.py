"""What kedro-viz shows of the last run: of a whole run also what was found and not made, of a part nothing.

kedro-viz takes ``--pipelines comparison`` for a whole run, and would show its nodes and the sizes of its tables in
place of the protocol's. And it has one place for all environments: here each has its own, and ``kedro viz`` is shown
that of the environment that it draws.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from blur_pipeline.hooks.artefacts import Artefacts
    from blur_pipeline.hooks.lineage import Lineage

log = logging.getLogger(__name__)
WHOLE = {"__default__"}
EVENTS = "kedro_pipeline_events.json"
SHOWN = ("stats.json", EVENTS)


class RunStatus:
    """Corrects kedro-viz's own hooks, after these have seen a run begin."""

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        whole = set(run_params.get("pipeline_names") or WHOLE) == WHOLE
        statistics = _of_tables(self.lineage.artefacts) if whole else _as_they_were(self.lineage.door.project)
        running = {node.name for node in self.lineage.artefacts.nodes()}
        found = [node for node in pipeline.nodes if node.name not in running]
        try:
            _show_sizes(statistics)
            _tell_of_found_nodes(self.lineage.artefacts, found, whole)
        except (ImportError, AttributeError) as error:  # they are names of kedro-viz's own, which may change any day
            log.warning("kedro-viz may show another run's status: this release of it has other names (%s)", error)

    @hook_impl(trylast=True)
    def after_pipeline_run(self, run_params: dict[str, Any]) -> None:
        self._keep(run_params, SHOWN)

    @hook_impl(trylast=True)
    def on_pipeline_error(self, run_params: dict[str, Any]) -> None:
        self._keep(run_params, (EVENTS,))  # sizes are those of the last run that ended, of whichever environment

    def _keep(self, run_params: dict[str, Any], names: tuple[str, ...]) -> None:
        if set(run_params.get("pipeline_names") or WHOLE) == WHOLE:
            keep(self.lineage.door.project / ".viz", self.lineage.door.config_loader.environment, names)


def keep(place: Path, env: str, names: tuple[str, ...] = SHOWN) -> None:
    """What kedro-viz wrote of this run, for the environment alone."""
    for name in names:
        if (place / name).exists():
            (place / env).mkdir(exist_ok=True)
            shutil.copyfile(place / name, place / env / name)


def show(place: Path, env: str) -> None:
    """Of an environment without a whole run kedro-viz shows neither sizes nor a status."""
    for name in SHOWN:
        if (place / env / name).exists():
            shutil.copyfile(place / env / name, place / name)
        else:
            (place / name).unlink(missing_ok=True)


def _of_tables(artefacts: Artefacts) -> dict[str, dict[str, int]]:
    """Rows, columns and size of every table that was found: kedro-viz knows those that a run reads or makes.

    Of a damaged table nothing is said here: whoever reads it tells of it.
    """
    import pyarrow.parquet as pq

    tables = {name: made for name, made in artefacts.found.items() if made.path.endswith(".parquet")}
    found = {}
    for name, made in tables.items():
        try:
            about = pq.read_metadata(made.path)
        except (OSError, ValueError):  # pyarrow's ArrowInvalid is one
            continue
        found[name] = {"rows": about.num_rows, "columns": about.num_columns, "file_size": made.bytes}
    return found


def _as_they_were(project: Path) -> dict[str, dict[str, int]]:
    try:
        return json.loads((project / ".viz" / "stats.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _show_sizes(statistics: dict[str, dict[str, int]]) -> None:
    from kedro_viz.integrations.kedro.hooks import dataset_stats_hook

    dataset_stats_hook._stats.clear()  # of earlier runs in this process
    dataset_stats_hook._stats.update(statistics)


def _tell_of_found_nodes(artefacts: Artefacts, found: list[Node], whole: bool) -> None:
    from kedro_viz.integrations.kedro.hooks_utils import hash_node
    from kedro_viz.integrations.kedro.run_hooks import create_dataset_event, pipeline_run_hook

    if not whole:
        pipeline_run_hook._should_collect_events = False
    if not pipeline_run_hook._should_collect_events:
        return
    del pipeline_run_hook._events[:-1]  # of earlier runs in this process
    for node in found:
        seconds = artefacts.found[node.outputs[0]].made.seconds
        pipeline_run_hook._add_event(
            {
                "event": "after_node_run",
                "node": node.name,
                "node_id": hash_node(node),
                "duration": seconds,
                "status": "success",
            }
        )
        for name in node.outputs:
            event = create_dataset_event("after_dataset_saved", name) | {"size": artefacts.found[name].bytes}
            pipeline_run_hook._add_event(event)
