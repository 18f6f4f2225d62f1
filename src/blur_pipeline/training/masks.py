"""Weights of which single elements may not move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from blur_pipeline.training.gradients import Gradient


class Masks:
    """One bool tensor per trainable parameter, true where it may move; None for a parameter that may move whole.

    Gradients are cut before their inner products are taken, so that a rule weighs what will really move, and so are the
    directions in which an estimator looks around θ, lest ρ be spent on what rests and a pruned weight come back for it.
    Decoupled weight decay would move the rest all the same (it does in WAGLE's published code); so it is done here.
    """

    def __init__(self, masks: Sequence[Tensor | None], optimizer: torch.optim.Optimizer) -> None:
        self.masks = masks
        self.decay = [group["weight_decay"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.0

    def cut_(self, gradient: Gradient) -> None:
        """Zero where nothing may move."""
        for part, mask in zip(gradient, self.masks, strict=True):
            if part is not None and mask is not None:
                part.mul_(mask)

    def places(self, moved: Sequence[Tensor]) -> np.ndarray:
        """Of the elements of all that is moved, laid end to end, the places of those that may move: ``(n,)`` int64."""
        free = [
            np.ones(weight.numel(), bool) if mask is None else mask.cpu().numpy().ravel()
            for weight, mask in zip(moved, self.masks, strict=True)
        ]
        return np.flatnonzero(np.concatenate(free))

    @torch.no_grad()
    def decay_(self, optimizer: torch.optim.Optimizer, moved: Sequence[Tensor]) -> None:
        """θ ← θ·(1 − lr·λ) where it may move, before the step, as AdamW does; not where no gradient came."""
        group, decay = optimizer.param_groups[0], self.decay[0]
        for weight, mask in zip(moved, self.masks, strict=True):
            if decay and weight.grad is not None:
                factor = 1 - group["lr"] * decay
                weight.mul_(factor if mask is None else torch.where(mask, factor, 1.0))
