"""What the optimizer moves: the trainable parameters, or float32 masters of a bfloat16 model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blur_pipeline.training.engine import Precision

PORTION_BYTES = 256 * 2**20


class Weights:
    """``parameters`` receive gradients; ``moved`` are what the optimizer and the checkpoints see.

    Under ``bf16`` every parameter of a float32 model becomes bfloat16. Of the trainable ones the float32 values are
    moved here; of the frozen ones they wait on the CPU, or are not kept where bfloat16 holds them, as it does those of
    a bfloat16 checkpoint. Buffers (rotary frequencies) keep their precision.
    """

    def __init__(self, model: nn.Module, precision: Precision, sharded: bool = False) -> None:
        named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.model = model
        self.names, self.parameters = list(named), list(named.values())
        self.originals: list[Tensor | None] = []
        # FSDP2 keeps float32 shards and casts them itself as it gathers them.
        self.masters = precision == "bf16" and not sharded
        self.moved = [p.detach() for p in self.parameters] if self.masters else self.parameters
        if self.masters:
            self.frozen = [p for p in model.parameters() if not p.requires_grad]
            self.originals = [_original(p.data) for p in self.frozen]
            for parameter in model.parameters():
                parameter.data = parameter.data.bfloat16()

    def portions(self) -> list[list[int]]:
        """The parameters in the portions in which a step moves them. The direction of float32 weights lies in a
        gradient's memory; that of float32 masters needs memory of its own, which is given back after each portion."""
        if not self.masters:
            return [list(range(len(self.moved)))]
        found, room = [[]], PORTION_BYTES
        for i, master in enumerate(self.moved):
            if found[-1] and room < master.nbytes:
                found.append([])
                room = PORTION_BYTES
            found[-1].append(i)
            room -= master.nbytes
        return found

    def follow(self) -> None:
        """The masters to where the parameters were moved."""
        if self.masters:
            self.moved = [m.to(p.device) for m, p in zip(self.moved, self.parameters, strict=True)]

    def named(self) -> dict[str, Tensor]:
        """What the optimizer moves, by parameter name."""
        return dict(zip(self.names, self.moved, strict=True))

    def publish(self) -> None:
        """After a load or a shift: the model's parameters from what was moved."""
        self._publish([True] * len(self.moved))
        for module in self.model.modules():
            # A pass without a backward one leaves FSDP2's root gathered, with the weights as they were.
            if hasattr(module, "reshard"):
                module.reshard()

    def publish_step(self) -> None:
        """After a step: those that a gradient moved."""
        self._publish([master.grad is not None for master in self.moved])

    @torch.no_grad()
    def _publish(self, changed: list[bool]) -> None:
        pairs = [pair for pair, new in zip(zip(self.parameters, self.moved, strict=True), changed, strict=True) if new]
        if self.masters and pairs:
            torch._foreach_copy_(*(list(side) for side in zip(*pairs, strict=True)))

    def finish(self) -> None:
        """The model in the precision it came in, with nothing lost on the way; under ``bf16`` on the CPU, since
        the device that trained it need not have the room."""
        if not self.masters:
            return
        self.model.cpu()
        for parameter, original in zip(self.frozen, self.originals, strict=True):
            parameter.data = parameter.data.float() if original is None else original
        for parameter, master in zip(self.parameters, self.moved, strict=True):
            parameter.data = master.detach().cpu()
            parameter.grad_dtype = parameter.dtype  # see gradients.py


def _original(weight: Tensor) -> Tensor | None:
    return None if torch.equal(weight.bfloat16().float(), weight) else weight.cpu()
