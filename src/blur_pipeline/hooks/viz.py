"""What kedro-viz shows of the last run: of a whole run also the nodes whose outputs were found, of a part nothing.

kedro-viz takes ``--pipelines comparison`` for a whole run, and would show its four nodes in place of the protocol's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline

    from blur_pipeline.hooks.lineage import Lineage


class RunStatus:
    """Corrects kedro-viz's own hook, after that has seen a run begin."""

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        from kedro_viz.integrations.kedro.hooks_utils import hash_node
        from kedro_viz.integrations.kedro.run_hooks import create_dataset_event, pipeline_run_hook

        if set(run_params.get("pipeline_names") or ["__default__"]) != {"__default__"}:
            pipeline_run_hook._should_collect_events = False
        if not pipeline_run_hook._should_collect_events:
            return
        del pipeline_run_hook._events[:-1]  # of earlier runs in this process
        artefacts = self.lineage.artefacts
        running = {node.name for node in artefacts.nodes()}
        for node in (node for node in pipeline.nodes if node.name not in running):
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
