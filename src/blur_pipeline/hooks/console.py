"""What a run says while it goes: what it will do, then one line a node, with its duration and the time that is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from blur_pipeline.console.lines import node_line
from blur_pipeline.console.pace import Pace
from blur_pipeline.console.screen import SCREEN
from blur_pipeline.console.wrap import about
from blur_pipeline.lineage.costs import costs_of

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from blur_pipeline.hooks.door import DoorCheck
    from blur_pipeline.hooks.lineage import Lineage


class Telling:
    """Knows which nodes have ended, also for whoever has to say what an interruption has cost."""

    def __init__(self, door: DoorCheck, lineage: Lineage) -> None:
        self.door, self.lineage = door, lineage  # both are called before this hook
        self.nodes: list[str] = []
        self.finished: list[str] = []

    @hook_impl(trylast=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Say how much there is to do."""
        self.nodes = [node.name for node in self.lineage.artefacts.nodes()]
        self.finished, self.saved, self.mark = [], set(), time.monotonic()
        costs = costs_of(Path("data"), self.door.identities.place, self.door.identities.chosen_attacks)
        pace = Pace(self.nodes, costs.expected(self.door.parameters))
        SCREEN.going_on.pace = pace
        left = pace.left() if self.nodes else None
        how_long = "." if left is None else f"; by what earlier runs here took, {about(left)}."
        SCREEN.say(f"To do: {len(self.nodes) or 'none'} of {len(pipeline.nodes)} nodes{how_long}")

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """A node begins when its first input is loaded: a model takes its time."""
        self._begins(node)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """As does one whose inputs are all in memory."""
        self._begins(node)

    @hook_impl(trylast=True)
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """A node has ended when all that it made is saved, hashed and logged."""
        self.saved.add(dataset_name)
        if not self.saved >= set(node.outputs) or node.name in self.finished:
            return
        now = time.monotonic()
        seconds, self.mark = now - self.mark, now
        self.finished.append(node.name)
        pace = SCREEN.going_on.pace
        pace.done(node.name, seconds)
        # After the last one come the model's registration and the summary.
        last = len(self.finished) == len(self.nodes)
        SCREEN.going_on.now("keeping the results in MLflow" if last else "between two nodes")
        left = SCREEN.going_on.run_left()
        SCREEN.say(node_line(len(self.finished), len(self.nodes), node.name, seconds, left))

    def checkpoints(self) -> Path:
        """Where trainings of this run leave theirs."""
        return Path(self.door.parameters.checkpoint_folder)

    def _begins(self, node: Node) -> None:
        if SCREEN.going_on.node != node.name:
            SCREEN.going_on.now(node.name, node.name)
