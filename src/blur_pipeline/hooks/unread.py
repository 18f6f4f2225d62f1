"""Models that a node would only put aside are not read: one of 7B is read in a minute, and fills 27 GB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from blur_pipeline.config.models import Absent, Scores, Training
from blur_pipeline.datasets.pretrained import READING

if TYPE_CHECKING:
    from kedro.pipeline.node import Node

    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.hooks.door import DoorCheck


class Unread:
    """Says before each load whether the node looks at this model at all."""

    def __init__(self, door: DoorCheck) -> None:
        self.door = door

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """Of the thread that loads next: nodes may run side by side."""
        READING.aside = puts_aside(node.name, dataset_name, self.door.parameters)

    @hook_impl
    def after_dataset_loaded(self) -> None:
        """Whoever loads one outside of a run means to have it."""
        READING.aside = False


def puts_aside(node: str, dataset: str, parameters: Parameters) -> bool:
    """Whether a node's result is decided before it would look at this model."""
    models, evaluation, last = parameters.models, parameters.evaluation, node.rpartition(".")[2]
    if last.startswith("attack_") and not _attacked_or_beside(last, dataset, parameters):
        return True
    said = {
        "attack_control": not isinstance(models.retrained, Absent | Scores),  # a retrained model is attacked instead
        "score_gradients": not evaluation.gradient_norms,
        "measure_general_ability": not parameters.general.tasks,
        "answer_forbidden_prompts": not parameters.safety.sets,
        "obtain_target_model": not isinstance(models.target, Training),
        "obtain_retrained_model": not isinstance(models.retrained, Training),
    }
    return said.get(last, False)


def _attacked_or_beside(node: str, dataset: str, parameters: Parameters) -> bool:
    chosen = parameters.stress.chosen().values()
    attacked = {"attack_control": "unlearned_model"}.get(node, node.removeprefix("attack_"))
    return bool(chosen) and dataset in {attacked, *(f"{model}_model" for a in chosen for model in a.beside)}
