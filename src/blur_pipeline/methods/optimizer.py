"""The step taken along the direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Choice

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class AdamW(Choice):
    """Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101), torch's fused kernels."""

    kind: Literal["adamw"] = "adamw"
    lr: float = Field(1e-5, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(1e-8, gt=0)

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


OptimizerChoice = AdamW
