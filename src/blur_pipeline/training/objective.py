"""One side of a step: a loss over some rows of a set, accumulated over micro-batches and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blur_pipeline.methods.choice import Loss
from blur_pipeline.models.examples import Examples
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine, Precision
from blur_pipeline.training.gradients import expect_parts
from blur_pipeline.training.reference import Reference
from blur_pipeline.training.workers import world


@dataclass(frozen=True)
class Objective:
    """A loss on a set of examples, for one model."""

    loss: Loss
    examples: Examples
    model: nn.Module
    reference: Reference | None
    engine: Engine
    device: torch.device

    def accumulate(self, rows: Sequence[int]) -> Tensor:
        """Add the gradient of the mean loss over ``rows`` to ``.grad``; return the loss, a detached scalar.

        ``rows`` are the step's rows on all ranks. Each rank takes every world-size-th of them, longest first, and
        all divide by the count of the whole step, so a sum over ranks is the mean over the step. Every rank
        runs equally many micro-batches, one without rows of its own a borrowed one that counts nothing:
        under FSDP2 a forward pass is a collective operation.
        """
        total = self.examples.count(rows, self.loss.unit)
        ordered, ranks = self.examples.by_length(rows), world.size()
        share = -(-len(ordered) // ranks)
        mine = ordered[world.rank() :: ranks]
        size = self.engine.micro_batch_size or share
        expect_parts(self.model.parameters(), ranks * -(-share // size))
        value = torch.zeros((), device=self.device)
        for first in range(0, share, size):
            members = mine[first : first + size]
            part = self._loss_of(members or ordered[-1:]) * (1 / total if members else 0.0)
            part.backward()
            value += part.detach()
        return value

    def _loss_of(self, rows: Sequence[int]) -> Tensor:
        batch = self.examples.batch(rows, layout=self.engine.layout).to(self.device)
        with autocast(self.engine.precision, self.device):
            forward = Forward(self.model, batch, logits_chunk=self.engine.logits_chunk)
            return self.loss(forward, self.reference and self.reference.outputs(forward))


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager:
    """Around every pass of a model; its ``Weights`` have done the rest."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16_autocast")
