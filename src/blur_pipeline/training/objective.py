"""One side of a step: a loss over some rows of a set, accumulated over micro-batches and ranks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from blur_pipeline.methods.choice import Loss
from blur_pipeline.training.examples import Examples
from blur_pipeline.training.forward import Forward
from blur_pipeline.training.schedule import Precision


@dataclass(frozen=True)
class Reference:
    """The frozen target model, for the losses that need more of it than one number per sequence."""

    model: nn.Module
    around: Callable[[], AbstractContextManager]


def freeze_reference(model: nn.Module) -> Reference:
    """The model as it is now: a frozen copy, or under peft the model itself with its adapters switched off."""
    if hasattr(model, "disable_adapter"):

        @contextmanager
        def without_adapters():
            with ExitStack() as stack:
                stack.enter_context(torch.no_grad())
                stack.enter_context(model.disable_adapter())
                yield

        return Reference(model, without_adapters)
    return Reference(copy.deepcopy(model).requires_grad_(False).eval(), torch.no_grad)


@dataclass(frozen=True)
class Objective:
    """A loss on a set of examples, for one model."""

    loss: Loss
    examples: Examples
    model: nn.Module
    reference: Reference | None
    micro_batch_size: int
    precision: Precision = "fp32"

    def accumulate(self, rows: Sequence[int]) -> Tensor:
        """Add the gradient of the mean loss over ``rows`` to ``.grad``; return the loss, a detached scalar.

        ``rows`` are the step's rows on all ranks. Each rank takes every world-size-th of them, and all divide
        by the count of the whole step, so a sum over ranks is the mean over the step.
        """
        device = next(self.model.parameters()).device
        total = self.examples.count(rows, self.loss.unit)
        rank, ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        mine = list(rows)[rank::ranks]
        value = torch.zeros((), device=device)
        for first in range(0, len(mine), self.micro_batch_size):
            batch = self.examples.batch(mine[first : first + self.micro_batch_size]).to(device)
            with self._autocast(device):
                reference = self.reference and Forward(self.reference.model, batch, self.reference.around)
                part = self.loss(Forward(self.model, batch), reference) / total
            part.backward()
            value += part.detach()
        return value

    def _autocast(self, device: torch.device) -> AbstractContextManager:
        if self.precision == "bf16_autocast":
            return torch.autocast(device.type, dtype=torch.bfloat16)
        return nullcontext()
