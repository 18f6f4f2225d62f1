"""Away from what the forget set would teach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.methods.edits.choice import Edit, Given
from blur_pipeline.methods.optimizer import AdamW, OptimizerChoice
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scope import AllWeights, Scope

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class TaskVector(Edit):
    """Negation of a task vector (Ilharco et al., arXiv 2212.04089): θ = θ₀ − a·(θ_ft − θ₀).

    θ_ft is θ₀ trained on the forget set, by NLL. θ₀ = 1, θ_ft = 3, a = ½ give 0; a = 0 gives θ₀.
    """

    kind: Literal["task_vector"] = "task_vector"
    strength: float = Field(5.0, ge=0, description="a, how far back along the task vector")
    scope: Scope = Field(AllWeights(), description="which weights the training on the forget set moves")
    optimizer: OptimizerChoice = Field(AdamW(), description="of that training")

    def training(self) -> Recipe:
        """θ_ft's."""
        return Recipe(scope=self.scope, optimizer=self.optimizer)

    def __call__(self, model: Module, given: Given) -> Iterator[tuple[str, Tensor]]:
        """Every weight."""
        tuned = dict(given.trained.named_parameters())
        for name, theta in model.named_parameters():
            yield name, theta - self.strength * (tuned[name].to(theta.device) - theta)
