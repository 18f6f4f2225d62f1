"""Where the parts of a transformers model are, and running only some of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

LOGIT_SCALING = ("final_logit_softcapping", "logit_scale", "logits_scaling")


def base_of(model: nn.Module) -> nn.Module:
    """The transformers model itself, under a peft wrapper too."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _layers_place(model: nn.Module) -> tuple[nn.Module, str]:
    decoder = base_of(model).get_decoder()
    return decoder, "layers" if hasattr(decoder, "layers") else "h"


def context_of(model: nn.Module) -> int | None:
    """Tokens that the model sees at once; None where its configuration says none."""
    found = getattr(base_of(model).config.get_text_config(), "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None


def decoder_layers(model: nn.Module) -> nn.ModuleList:
    """The stack of decoder layers."""
    return getattr(*_layers_place(model))


def first_trained_layer(model: nn.Module) -> int | None:
    """The lowest decoder layer with a trainable weight; None where a weight outside the layers trains too."""
    layers = decoder_layers(model)
    inside = {id(p) for layer in layers for p in layer.parameters()}
    if any(p.requires_grad and id(p) not in inside for p in model.parameters()):
        return None
    return next((i for i, layer in enumerate(layers) if any(p.requires_grad for p in layer.parameters())), None)


def drops_out(model: nn.Module) -> bool:
    """Whether a pass in training mode may leave something out: the configuration names a dropout above zero."""
    config = base_of(model).config.get_text_config().to_dict()
    values = (value for name, value in config.items() if "drop" in name)
    return any(isinstance(value, int | float) and value > 0 for value in values)


def plain_head(model: nn.Module) -> nn.Module:
    """The output projection, with an adapter on it where there is one, where logits are just what it returns.

    Raises:
        ValueError: this architecture does something to the logits afterwards.
    """
    config = base_of(model).config.get_text_config()
    scaled = [name for name in LOGIT_SCALING if getattr(config, name, None) not in (None, 1, 1.0)]
    if scaled:
        raise ValueError(f"training.logits_chunk does not fit this model: it has {scaled[0]}; leave it out")
    return base_of(model).get_output_embeddings()


@contextmanager
def head_sees(model: nn.Module, places: Tensor) -> Iterator[None]:
    """While open, the head is given the (places,) of the flattened grid alone and returns ``(places, V)``.

    Done by index, not by mask: a mask would wait for the GPU to count its places.
    """
    head = base_of(model).get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda _module, inputs: (inputs[0].flatten(0, 1).index_select(0, places),))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def without_head(model: nn.Module) -> Iterator[None]:
    """While open, the model returns the input of its head in place of logits."""
    base = base_of(model)
    head = base.get_output_embeddings()
    name = next(n for n, module in base.named_children() if module is head)
    setattr(base, name, nn.Identity())
    try:
        yield
    finally:
        setattr(base, name, head)


@contextmanager
def ends_after(model: nn.Module, layer: int) -> Iterator[None]:
    """While open, decoder layer ``layer`` is the last: those above do not run, and the final norm and the head follow.

    Raises:
        ValueError: the model has no such layer.
    """
    decoder, name = _layers_place(model)
    layers = getattr(decoder, name)
    if layer >= len(layers):
        raise ValueError(f"layer {layer} does not exist: this model has layers 0 to {len(layers) - 1}")
    setattr(decoder, name, nn.ModuleList(list(layers)[: layer + 1]))
    try:
        yield
    finally:
        setattr(decoder, name, layers)


@contextmanager
def only_up_to(model: nn.Module, layer: int) -> Iterator[None]:
    """While open, the model ends after decoder layer ``layer``: those above do not run, nor does the head.

    Raises:
        ValueError: the model has no such layer.
    """
    with ends_after(model, layer), without_head(model):
        yield
