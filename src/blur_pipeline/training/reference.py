"""The frozen target model θ₀, at the least cost that the scope allows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from blur_pipeline.methods.choice import Outputs
from blur_pipeline.models.anatomy import decoder_layers, drops_out, first_trained_layer
from blur_pipeline.models.forward import Forward


class Reference(Protocol):
    """Gives the outputs of θ₀ on a batch that the trained model sees too."""

    def outputs(self, forward: Forward) -> Outputs:
        """``forward`` is the trained model's."""


def freeze_reference(model: nn.Module, sharded: bool = False, adapters_off: bool = True) -> Reference:
    """θ₀ as the model is now. peft's adapters are switched off where ``adapters_off`` gives θ₀; a sharded model is
    copied whole (the copy is sharded like it); otherwise frozen copies are kept of the trainable weights alone."""
    if adapters_off and hasattr(model, "disable_adapter"):
        return WithoutAdapters(model)
    if sharded:
        return WholeCopy(copy.deepcopy(model).requires_grad_(False).eval())
    return FrozenWeights(model)


@contextmanager
def _as_frozen(model: nn.Module) -> Iterator[None]:
    """Without gradient and dropout, and without autocast's memory, which knows a weight by its tensor: it would take
    θ's bfloat16 for θ₀'s, or θ₀'s, which has no graph, for θ's. What it holds of θ stays for θ's next pass."""
    training, remembers = model.training, torch.is_autocast_cache_enabled()
    model.eval()
    torch.set_autocast_cache_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_autocast_cache_enabled(remembers)
        model.train(training)


class WithoutAdapters:
    """θ₀ is the model itself with peft's adapters off: no copy at all."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def outputs(self, forward: Forward) -> Outputs:
        return Forward(self.model, forward.batch, self._around)

    @contextmanager
    def _around(self) -> Iterator[None]:
        trained = [p for p in self.model.parameters() if p.requires_grad]
        with _as_frozen(self.model), self.model.disable_adapter():
            for parameter in trained:  # peft calls them frozen meanwhile, and FSDP2 notes it for good in a first pass
                parameter.requires_grad_(True)
            yield


class WholeCopy:
    """θ₀ is a second model."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def outputs(self, forward: Forward) -> Outputs:
        return Forward(self.model, forward.batch, torch.no_grad)


class FrozenWeights:
    """θ₀ is the model with the trainable weights put back as they were; the rest is shared.

    Where only decoder layers train, θ₀'s pass to a read layer begins at the first trained one, from the trained
    model's own state there: below it the two models are one, unless dropout parts them.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.trainable = [p for p in model.parameters() if p.requires_grad]
        self.frozen = [p.detach().clone() for p in self.trainable]
        self.first = None if drops_out(model) else first_trained_layer(model)
        self.in_place = False

    def outputs(self, forward: Forward) -> Outputs:
        if self.first is None or forward.model is not self.model:
            return Forward(self.model, forward.batch, self.around)
        return _FromFirstTrained(self, forward)

    @contextmanager
    def around(self) -> Iterator[None]:
        """Without gradient, and with the frozen weights in place; no value is copied. Not to be nested."""
        assert not self.in_place, "a second exchange would bring the trained weights back"
        _exchange(self.trainable, self.frozen)
        self.in_place = True
        try:
            with _as_frozen(self.model):
                yield
        finally:
            _exchange(self.trainable, self.frozen)
            self.in_place = False


def _exchange(parameters: Sequence[Tensor], tensors: list[Tensor]) -> None:
    for i, parameter in enumerate(parameters):
        parameter.data, tensors[i] = tensors[i], parameter.data


class _FromFirstTrained(Forward):
    def __init__(self, reference: FrozenWeights, trained: Forward) -> None:
        super().__init__(reference.model, trained.batch, reference.around)
        self.first, self.trained = reference.first, trained

    def _see(self, layers: Sequence[int]) -> None:
        missing = sorted(set(layers) - self._states.keys())
        below = [layer for layer in missing if layer < self.first]  # every trained one, where both models are one
        self._states |= {layer: self.trained.state(layer).detach() for layer in below}
        if len(below) == len(missing):
            return
        calls = self.trained.calls_of(self.first, missing[-1])
        modules = list(decoder_layers(self.model))[self.first : missing[-1] + 1]
        hidden = calls[0][0][0]
        with self.around():
            for layer, (module, (inputs, named)) in enumerate(zip(modules, calls, strict=True), self.first):
                output = module(hidden, *inputs[1:], **named)
                hidden = output if isinstance(output, Tensor) else output[0]
                if layer in missing:
                    self._states[layer] = hidden
