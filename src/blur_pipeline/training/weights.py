"""What the optimizer moves: the trainable parameters, or float32 masters of a bfloat16 model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from blur_pipeline.training import halves
from blur_pipeline.training.engine import Precision

PORTION_BYTES = {"cpu": 16 * 2**20, "cuda": 256 * 2**20}
"""Of float32 that is there at once in a step: on a CPU what its cache holds, on a GPU what keeps it busy."""


class Weights:
    """``parameters`` receive gradients; ``moved`` are what the optimizer knows, by which its state is kept.

    Under ``bf16`` every parameter of a float32 model becomes bfloat16. Of a trainable one what it is off by is kept
    beside it in 16 bits (halves.py), and ``moved`` has no memory but inside ``there``. Buffers (rotary frequencies)
    keep their precision.
    """

    def __init__(self, model: nn.Module, precision: Precision, sharded: bool = False) -> None:
        named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.model = model
        self.names, self.parameters = list(named), list(named.values())
        # FSDP2 keeps float32 shards and casts them itself as it gathers them.
        self.masters = precision == "bf16" and not sharded
        self.moved: Sequence[Tensor] = self.parameters
        if self.masters:
            self.frozen = Rounded([p for p in model.parameters() if not p.requires_grad])
            self.low = []
            for parameter in self.parameters:
                parameter.data, low = halves.split(parameter.data)
                self.low.append(low)
            self.follow()

    def follow(self) -> None:
        """The masters to where the parameters were moved."""
        if self.masters:
            self.low = [low.to(p.device) for low, p in zip(self.low, self.parameters, strict=True)]
            self.moved = [halves.without_memory(p) for p in self.parameters]

    def portions(self, in_portions: bool = True) -> list[list[int]]:
        """The parameters in the portions in which a step moves them, or all at once. The direction of float32 weights
        lies in a gradient's memory; float32 masters and their direction need memory of their own, which is given back
        after each portion."""
        if not (self.masters and in_portions):
            return [list(range(len(self.moved)))]
        whole = PORTION_BYTES[self.moved[0].device.type]
        found, room = [[]], whole
        for i, weight in enumerate(self.moved):
            size = 4 * weight.numel()
            if found[-1] and room < size:
                found.append([])
                room = whole
            found[-1].append(i)
            room -= size
        return found

    @contextmanager
    def there(self, portion: Sequence[int] | None = None) -> Iterator[None]:
        """``moved`` holds float32 values, to be read and changed; afterwards the model has them, rounded as it is.

        All of them, or those of a ``portion``.
        """
        opened = range(len(self.moved)) if portion is None else portion
        if self.masters:
            for i in opened:
                halves.join_(self.moved[i], self.parameters[i], self.low[i])
        try:
            yield
        finally:
            if self.masters:
                for i in opened:
                    halves.part_(self.moved[i], self.parameters[i], self.low[i])
            elif portion is None:
                self._regather()

    def each(self) -> Iterator[list[int]]:
        """Portion by portion all that is moved, there meanwhile."""
        for portion in self.portions():
            with self.there(portion):
                yield portion
        self._regather()

    def reached(self, portion: Sequence[int]) -> list[int]:
        """Those that a gradient moves."""
        return [i for i in portion if self.moved[i].grad is not None]

    def values(self) -> dict[str, Tensor]:
        """Float32 by parameter name: what is moved itself, or of masters copies on the host."""
        if not self.masters:
            return dict(zip(self.names, self.moved, strict=True))
        return {name: halves.whole(p, low) for name, p, low in zip(self.names, self.parameters, self.low, strict=True)}

    def room(self) -> dict[str, Tensor]:
        """What ``values`` gives, to be filled: of masters without a value yet."""
        if not self.masters:
            return self.values()
        return {name: torch.empty(p.shape) for name, p in zip(self.names, self.parameters, strict=True)}

    def take(self, values: Mapping[str, Tensor]) -> None:
        """What ``values`` or ``room`` gave, changed meanwhile."""
        if not self.masters:
            self._regather()
            return
        for name, parameter, low in zip(self.names, self.parameters, self.low, strict=True):
            for kept, half in zip((parameter.detach(), low), halves.split(values[name]), strict=True):
                kept.copy_(half)

    def finish(self) -> None:
        """The model in the precision it came in, the frozen weights bit for bit; under ``bf16`` on the CPU, since the
        device that trained it need not have the room."""
        if not self.masters:
            return
        self.model.cpu()
        self.frozen.restore()
        for parameter, low in zip(self.parameters, self.low, strict=True):
            parameter.data = halves.whole(parameter, low)
            parameter.grad_dtype = parameter.dtype  # see gradients.py
        self.low = []

    def _regather(self) -> None:
        """A pass without a backward one leaves FSDP2's root gathered, with the weights as they were."""
        for module in self.model.modules():
            if hasattr(module, "reshard"):
                module.reshard()


class Rounded:
    """Weights that compute in bfloat16 and that nothing moves.

    Their float32 values wait on the CPU, or are not kept where bfloat16 holds them, as it does those of a bfloat16
    checkpoint.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters, self.originals = parameters, [_original(p.data) for p in parameters]
        for parameter in parameters:
            parameter.data = parameter.data.bfloat16()

    def restore(self) -> None:
        """The float32 values, bit for bit, wherever the parameters are by now."""
        for parameter, original in zip(self.parameters, self.originals, strict=True):
            parameter.data = parameter.data.float() if original is None else original


def _original(weight: Tensor) -> Tensor | None:
    return None if torch.equal(weight.bfloat16().float(), weight) else weight.cpu()
