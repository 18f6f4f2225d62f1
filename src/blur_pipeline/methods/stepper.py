"""What every optimizer has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from blur_pipeline.methods.choice import Choice

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class Average(Choice):
    """The running mean of the weights over the later steps, which is what is kept in the end (Izmailov et al., arXiv
    1803.05407; Unlearn-Smooth's "WA", arXiv 2502.05374)."""

    start: float = Field(0.5, ge=0, lt=1, description="share of the training before the first weights are taken")
    every: int = Field(5, ge=1, description="steps from one taking of the weights to the next")

    def takes(self, done: int, steps: int) -> bool:
        """Whether the weights after ``done`` of ``steps`` steps are one of those."""
        first = int(self.start * steps) + 1
        return done >= first and (done - first) % self.every == 0

    def taken(self, done: int, steps: int) -> int:
        """How many have been taken after ``done`` steps."""
        return max(0, (done - int(self.start * steps) - 1) // self.every + 1)


class Stepper(Choice, ABC):
    """What every optimizer has; it may take the mean of several weights at the end."""

    lr: float = Field(1e-5, gt=0, description="learning rate at the height of the curve")
    weight_decay: float = Field(0.01, ge=0, description="λ, decoupled: θ shrinks by lr·λ a step")
    average: Average | None = Field(
        None, description="keep the running mean of the later weights; default: the last weights"
    )

    in_portions: ClassVar[bool] = True
    """Whether a step may be taken over some of the weights after the others: not where it counts its own calls."""

    @abstractmethod
    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``, float32, with decoupled weight decay alone."""

    @property
    def settles(self) -> bool:
        """Whether what is kept in the end is other than what the last step left."""
        return self.average is not None

    def settle(self, optimizer: Optimizer) -> None:
        """After the last step, where what was moved is not yet what is to be kept."""
