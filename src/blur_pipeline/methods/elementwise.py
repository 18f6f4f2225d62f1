"""Optimizers that torch lacks. Imported when one is made: the choices themselves do without torch.

Each moves a number by what is known of that number alone, so FSDP2's shards need nothing of each other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Elementwise(Optimizer):
    """θ ← θ·(1 − lr·λ) − lr·u, u from ``update``."""

    def __init__(self, parameters: list[Tensor], lr: float, weight_decay: float, settings: dict[str, Any]) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, **settings})

    @abstractmethod
    def update(self, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        """u, a tensor of its own; ``state`` of this weight is changed in place."""

    @torch.no_grad()
    def step(self, closure: Callable | None = None) -> None:
        """One step along every gradient that is there."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                u = self.update(weight.grad, self.state[weight], group)
                if group["weight_decay"]:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(u, alpha=-group["lr"])


class SophiaSteps(Elementwise):
    """See ``methods/sophia.py``."""

    def update(self, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        first, second = group["betas"]
        if not state:
            state |= {"done": 0, "mean": torch.zeros_like(gradient), "curvature": torch.zeros_like(gradient)}
        mean, curvature, soul = state["mean"], state["curvature"], group["form"] == "soul"
        for _ in range(2 if soul else 1):
            mean.mul_(first).add_(gradient, alpha=1 - first)
        if soul or state["done"] % group["every"] == 0:
            curvature.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        state["done"] += 1
        if soul:
            return mean.sign() * (mean.abs() / (group["gamma"] * curvature + 1e-15)).clamp(max=1)
        return (mean / (group["gamma"] * curvature).clamp(min=group["eps"])).clamp(-1, 1)


class SignSteps(Elementwise):
    """See ``methods/few_bits.py``."""

    def update(self, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        if not group["momentum"]:
            return gradient.sign()
        if not state:
            state["mean"] = torch.zeros_like(gradient)
        return state["mean"].mul_(group["momentum"]).add_(gradient, alpha=1 - group["momentum"]).sign()


class NBitSteps(Elementwise):
    """See ``methods/few_bits.py``."""

    def update(self, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        first, second = group["betas"]
        if not state:
            state |= {"done": 0, "mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
        state["done"] += 1
        state["mean"].mul_(first).add_(gradient, alpha=1 - first)
        state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        mean, square = state["mean"] / (1 - first ** state["done"]), state["square"] / (1 - second ** state["done"])
        return quantised(mean / (square.sqrt() + group["eps"]), group["bits"])


def quantised(update: Tensor, bits: int) -> Tensor:
    """To the nearest of 2ᵇ − 1 evenly spaced numbers between ± the largest of this tensor; of one bit, its sign."""
    if bits == 1:
        return update.sign()
    largest = update.abs().max()
    if hasattr(largest, "full_tensor"):  # of all shards, not of this one
        largest = largest.full_tensor()
    step = (largest / (2 ** (bits - 1) - 1)).clamp_min(torch.finfo(update.dtype).tiny)
    return update.div_(step).round_().mul_(step)
