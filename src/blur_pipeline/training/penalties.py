"""Prices on the weights join the gradient of a side once a step, whatever its rows and micro-batches are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from blur_pipeline.methods.choice import Moment, Penalty
from blur_pipeline.training.gradients import Gradient
from blur_pipeline.training.weights import Weights
from blur_pipeline.training.workers import world


def price(
    penalties: Sequence[Penalty],
    weights: Weights,
    moment: Moment,
    sharded: bool,
    gradient: Gradient | None = None,
) -> Tensor | float:
    """This rank's share of their sum, float32; with ``gradient`` theirs is added to it, a tensor at a time.

    They see what the optimizer moves, in float32. Shards are summed over ranks, replicas are one price.
    """
    total = 0.0
    for i in (i for portion in weights.each() for i in portion):
        weight = weights.moved[i]
        with torch.enable_grad():
            leaf = world.local(weight).detach().requires_grad_()
            value = torch.stack([penalty.weight * penalty(leaf, moment) for penalty in penalties]).sum()
        total = total + value.detach() / (1 if sharded else world.size())
        if gradient is not None:
            if gradient[i] is None:
                gradient[i] = torch.zeros_like(weight, requires_grad=False)
            gradient[i] = gradient[i].to(weight.dtype)  # no copy where it is of that type
            world.local(gradient[i]).add_(*torch.autograd.grad(value, leaf))
    return total
