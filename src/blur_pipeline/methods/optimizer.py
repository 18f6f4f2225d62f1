"""The step taken along the direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from blur_pipeline.methods.few_bits import NBit, Sign
from blur_pipeline.methods.schedule_free import ScheduleFree
from blur_pipeline.methods.sophia import Sophia
from blur_pipeline.methods.stepper import Stepper

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class _Adam(Stepper):
    betas: tuple[float, float] = Field((0.9, 0.999), description="β₁, β₂: decay of the two moments")
    eps: float = Field(1e-8, gt=0, description="ε, which keeps the division from zero")


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


class SGD(Stepper):
    """θ ← θ·(1 − lr·λ) − lr·d: without momentum weight decay is decoupled by itself."""

    kind: Literal["sgd"] = "sgd"
    weight_decay: float = Field(0.0, ge=0, description="λ, decoupled: θ shrinks by lr·λ a step")

    def __call__(self, parameters: list[Tensor]) -> Optimizer:
        """An optimizer over ``parameters``, which remembers nothing."""
        from torch.optim import SGD as TorchSGD  # noqa: N811

        return TorchSGD(parameters, lr=self.lr, weight_decay=self.weight_decay)


OptimizerChoice = Annotated[AdamW | AdamW8bit | SGD | Sophia | Sign | NBit | ScheduleFree, Field(discriminator="kind")]
