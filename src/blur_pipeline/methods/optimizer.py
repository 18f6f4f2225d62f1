"""The step taken along the direction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Choice

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class Average(Choice):
    """The running mean of the weights over the later steps, which is what is kept in the end (Izmailov et al., arXiv
    1803.05407; Unlearn-Smooth's "WA", arXiv 2502.05374)."""

    start: float = Field(0.5, ge=0, lt=1, description="share of the training before the first weights are taken")
    every: int = Field(5, ge=1)

    def takes(self, done: int, steps: int) -> bool:
        """Whether the weights after ``done`` of ``steps`` steps are one of those."""
        first = int(self.start * steps) + 1
        return done >= first and (done - first) % self.every == 0

    def taken(self, done: int, steps: int) -> int:
        """How many have been taken after ``done`` steps."""
        return max(0, (done - int(self.start * steps) - 1) // self.every + 1)


class Stepper(Choice, ABC):
    """What every optimizer has; it may take the mean of several weights at the end."""

    lr: float = Field(1e-5, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    average: Average | None = None

    @abstractmethod
    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``, float32, with decoupled weight decay alone."""


class _Adam(Stepper):
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(1e-8, gt=0)


class AdamW(_Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101), torch's fused kernels."""

    kind: Literal["adamw"] = "adamw"

    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``."""
        from torch.optim import AdamW as TorchAdamW

        return TorchAdamW(
            parameters,
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=True,
        )


class AdamW8bit(_Adam):
    """AdamW with both moments in 8 bits, block by block (Dettmers et al., arXiv 2110.02861), by bitsandbytes.

    Two bytes a weight instead of eight. Tensors below 4096 numbers keep float32 moments.
    """

    kind: Literal["adamw_8bit"] = "adamw_8bit"

    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``.

        Raises:
            ValueError: FSDP2 holds them; bitsandbytes cannot see into its shards.
        """
        from bitsandbytes.optim import AdamW8bit as BitsAdamW8bit

        if any(hasattr(p, "to_local") for p in parameters):
            raise ValueError("optimizer 'adamw_8bit' does not work on FSDP2's shards; use 'adamw' or sharding 'ddp'")
        return BitsAdamW8bit(parameters, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay)


OptimizerChoice = Annotated[AdamW | AdamW8bit, Field(discriminator="kind")]
