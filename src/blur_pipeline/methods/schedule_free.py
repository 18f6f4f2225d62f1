"""AdamW that needs no learning-rate curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from blur_pipeline.methods.stepper import Average, Stepper

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class ScheduleFree(Stepper):
    """Schedule-free AdamW (Defazio et al., arXiv 2405.15682), TAR's optimizer, by its authors' library.

    Gradients are taken at y, between the steps' end z and their running mean x, which is what is kept in the end. The
    schedule's curve should be constant, with or without warm-up.
    """

    kind: Literal["schedule_free"] = "schedule_free"
    in_portions: ClassVar[bool] = False
    betas: tuple[float, float] = Field((0.9, 0.999), description="β₁, β₂: weight of z in y, decay of the second moment")
    eps: float = Field(1e-8, gt=0, description="ε, which keeps the division from zero")

    @field_validator("average")
    @classmethod
    def _averages_already(cls, value: Average | None) -> None:
        if value is not None:
            raise ValueError("a schedule-free optimizer keeps a mean of the weights already; leave it out")

    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``."""
        from schedulefree import AdamWScheduleFree

        optimizer = AdamWScheduleFree(
            parameters,
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            foreach=False,
        )
        optimizer.train()
        return optimizer

    @property
    def settles(self) -> bool:
        """Always."""
        return True

    def settle(self, optimizer: Optimizer) -> None:
        """From y to x."""
        optimizer.eval()
