"""A model made ready to train: scope opened, θ₀ frozen, placed, compiled, sharded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blur_pipeline.methods.choice import Loss
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scope import Opened
from blur_pipeline.models.anatomy import base_of, decoder_layers, plain_head
from blur_pipeline.models.examples import Examples
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.look import SetLook
from blur_pipeline.training.reference import Reference, WholeCopy, freeze_reference
from blur_pipeline.training.weights import Weights


@dataclass(frozen=True)
class Ready:
    """The model in training mode, and θ₀ where a loss needs more of it than one number per sequence."""

    model: nn.Module
    weights: Weights
    reference: Reference | None
    device: torch.device
    sharded: bool
    masks: list[Tensor | None] | None = None
    """Of each trainable parameter, which elements may move, where the scope says so."""


def prepare(
    model: nn.Module,
    recipe: Recipe,
    engine: Engine,
    device: torch.device,
    validates: bool = False,
    sets: Mapping[str, Examples] | None = None,
) -> Ready:
    """``validates``: the whole model will be asked for probabilities too, whatever the losses read. ``sets`` are what a
    scope may look at.

    Raises:
        ValueError: the model has no such layers, or the engine's options do not fit it.
    """
    losses = [loss for _, _, loss in recipe.losses()]
    sharded = engine.sharding == "fsdp"
    if engine.logits_chunk:
        plain_head(model)
    for parameter in model.parameters():
        parameter.data = parameter.data.float()  # what the optimizer moves is float32; see weights.py
    model, masks = _open(model, recipe, device, sets, sharded)
    if engine.gradient_checkpointing:
        base_of(model).activation_checkpointing_enable()
        # It makes the embeddings' output require a gradient, which reentrant checkpoints alone need: every frozen
        # layer below the first trained one would be passed backward.
        base_of(model).disable_input_require_grads()
    weights = None if sharded else Weights(model, engine.precision)  # before it is placed: bf16 halves what is moved
    _place(model, losses, device, validates)
    if weights:
        weights.follow()
    reference = freeze_reference(model, sharded) if recipe.needs("reference_model") else None
    if engine.compiled:
        for layer in decoder_layers(model):
            layer.compile(dynamic=True)
    if sharded:
        from blur_pipeline.training.workers.sharding import shard

        shard(model, engine.precision, device)
        if isinstance(reference, WholeCopy):
            shard(reference.model, engine.precision, device)
    weights = weights or Weights(model, engine.precision, sharded)
    masks = masks and [None if masks.get(name) is None else masks[name].to(device) for name in weights.names]
    return Ready(model.train(), weights, reference, device, sharded, masks)


def _open(
    model: nn.Module, recipe: Recipe, device: torch.device, sets: Mapping[str, Examples] | None, sharded: bool
) -> Opened:
    scope = recipe.scope
    if not scope.looks:
        return scope.open(model)
    if sharded:
        raise ValueError(f"scope '{scope.kind}' looks at the whole model before it trains; use training.sharding ddp")
    return scope.open(model, SetLook(model.to(device), sets, device))


def _place(model: nn.Module, losses: list[Loss], device: torch.device, validates: bool) -> None:
    """Move to the device what will run: where every loss reads a layer, those above it and the head stay away, but
    for validation."""
    layers = list(decoder_layers(model))
    depths = [loss.reads_layer for loss in losses]
    deepest = None if not depths or None in depths else max(depths)
    if deepest is not None and deepest >= len(layers):
        raise ValueError(f"layer {deepest} does not exist: this model has layers 0 to {len(layers) - 1}")
    if deepest is None or validates:
        model.to(device)
        return
    idle = {id(p) for layer in layers[deepest + 1 :] for p in layer.parameters()}
    tied = base_of(model).get_input_embeddings().weight
    idle |= {id(p) for p in base_of(model).get_output_embeddings().parameters() if p is not tied}
    for parameter in model.parameters():
        if id(parameter) not in idle:
            parameter.data = parameter.data.to(device)
    for buffer in model.buffers():
        buffer.data = buffer.data.to(device)
