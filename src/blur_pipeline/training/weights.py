"""What the optimizer moves: the trainable parameters, or float32 masters of a bfloat16 model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blur_pipeline.training.engine import Precision


class Weights:
    """``parameters`` receive gradients; ``moved`` are what the optimizer and the checkpoints see.

    Under ``bf16`` every parameter becomes bfloat16 and the float32 values stay here: the trainable ones are moved,
    the frozen ones put back at the end. Buffers (rotary frequencies) keep their precision.
    """

    def __init__(self, model: nn.Module, precision: Precision, sharded: bool = False) -> None:
        named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.names, self.parameters = list(named), list(named.values())
        self.everything, self.originals = list(model.parameters()), []
        # FSDP2 keeps float32 shards and casts them itself as it gathers them.
        self.masters = precision == "bf16" and not sharded
        self.moved = [p.detach().float() for p in self.parameters] if self.masters else self.parameters
        if self.masters:
            self.originals = [p.data for p in self.everything]
            for parameter in self.everything:
                parameter.data = parameter.data.to(torch.bfloat16)

    def named(self) -> dict[str, Tensor]:
        """What the optimizer moves, by parameter name."""
        return dict(zip(self.names, self.moved, strict=True))

    @torch.no_grad()
    def publish(self) -> None:
        """After a step or a load: the model's parameters from what was moved."""
        if self.masters:
            torch._foreach_copy_(self.parameters, self.moved)

    @torch.no_grad()
    def finish(self) -> None:
        """The model in the precision it came in, with nothing lost on the way."""
        if self.masters:
            for parameter, original in zip(self.everything, self.originals, strict=True):
                parameter.data = original
                parameter.grad_dtype = original.dtype  # see gradients.py
            torch._foreach_copy_(self.parameters, self.moved)
