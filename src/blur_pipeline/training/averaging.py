"""The running mean of the weights over the later steps of a training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from blur_pipeline.methods.stepper import Average
from blur_pipeline.training.weights import Weights

NAME = "average"


def start(average: Average | None, moved: Sequence[Tensor]) -> dict[str, list[Tensor]]:
    """What is remembered: the mean so far, of nothing yet."""
    return {} if average is None else {NAME: [torch.zeros_like(m, requires_grad=False) for m in moved]}


@torch.no_grad()
def take_(average: Average, memory: dict, weights: Weights, done: int, steps: int) -> None:
    """After ``done`` steps, which is one of those whose weights count."""
    for portion in weights.each():
        mean, moved = ([tensors[i] for i in portion] for tensors in (memory[NAME], weights.moved))
        torch._foreach_lerp_(mean, moved, 1 / average.taken(done, steps))


@torch.no_grad()
def end_(average: Average | None, memory: dict, moved: Sequence[Tensor], done: int, steps: int) -> None:
    """The mean becomes the weights, where any were taken."""
    if average and average.taken(done, steps):
        for weight, mean in zip(moved, memory[NAME], strict=True):  # one by one: FSDP2's shards know no other way
            weight.copy_(mean)
