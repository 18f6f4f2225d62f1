"""Models that a node would only put aside are not read: one of 7B is read in a minute, and fills 27 GB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from blur_pipeline.config.models import Training
from blur_pipeline.datasets.pretrained import READING

if TYPE_CHECKING:
    from kedro.pipeline.node import Node

    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.hooks.door import DoorCheck


class Unread:
    """Says before each load whether the node looks at its models at all."""

    def __init__(self, door: DoorCheck) -> None:
        self.door = door

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Of the thread that loads next: nodes may run side by side."""
        READING.aside = puts_aside(node.name, self.door.parameters)

    @hook_impl
    def after_dataset_loaded(self) -> None:
        """Whoever loads one outside of a run means to have it."""
        READING.aside = False


def puts_aside(node: str, parameters: Parameters) -> bool:
    """Whether a node's result is decided before it would look at a model."""
    models, evaluation = parameters.models, parameters.evaluation
    said = {
        **dict.fromkeys(
            (f"attack_{of}" for of in ("target_model", "retrained_model", "unlearned_model", "control")),
            not parameters.stress.chosen(),
        ),
        "score_gradients": not evaluation.gradient_norms,
        "measure_general_ability": not parameters.general.tasks,
        "answer_forbidden_prompts": not parameters.safety.sets,
        "obtain_target_model": not isinstance(models.target, Training),
        "obtain_retrained_model": not isinstance(models.retrained, Training),
    }
    return said.get(node.rpartition(".")[2], False)
