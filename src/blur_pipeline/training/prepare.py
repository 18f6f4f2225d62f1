"""A model made ready to train: scope opened, θ₀ frozen, placed, compiled, sharded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from blur_pipeline.methods.choice import Loss, Penalty
from blur_pipeline.methods.recipe import SIDES, Recipe
from blur_pipeline.methods.scopes.choice import Opened
from blur_pipeline.models.anatomy import base_of, decoder_layers, plain_head
from blur_pipeline.models.examples import Examples
from blur_pipeline.training.compiler import keep_compiled_code_private
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.look import SetLook
from blur_pipeline.training.reference import Reference, WholeCopy, freeze_reference
from blur_pipeline.training.weights import Weights
from blur_pipeline.training.workers import world


@dataclass(frozen=True)
class Ready:
    """The model in training mode, and θ₀ where a loss needs more of it than one number per sequence."""

    model: nn.Module
    recipe: Recipe
    """With what its losses had to learn of the model first."""
    weights: Weights
    reference: Reference | None
    device: torch.device
    sharded: bool
    masks: list[Tensor | None] | None = None
    """Of each trainable parameter, which elements may move, where the scope says so."""
    found: Mapping[str, int] = field(default_factory=dict)
    """What the scope found out that a loss may want to know."""


def prepare(
    model: nn.Module,
    recipe: Recipe,
    engine: Engine,
    device: torch.device,
    validates: bool = False,
    sets: Mapping[str, Examples] | None = None,
    weights_in: Path | None = None,
) -> Ready:
    """``validates``: the whole model will be asked for probabilities too, whatever the losses read. ``sets`` are what a
    scope may look at. ``weights_in``: the model is on the meta device and gets its weights from this folder once it is
    sharded.

    Raises:
        ValueError: the model has no such layers, or the engine's options fit neither it nor the recipe.
    """
    if refused := recipe.refuses(engine.precision):
        raise ValueError(refused)
    losses = [loss for _, _, loss in recipe.losses()]
    sharded = engine.sharding == "fsdp"
    if engine.logits_chunk:
        plain_head(model)
    for parameter in model.parameters():
        parameter.data = parameter.data.float()  # what the optimizer moves is float32; see weights.py
    _require_layers(model, losses)
    opened = _open(model, recipe, device, sets, sharded)
    model, masks = opened.model, opened.masks
    if engine.gradient_checkpointing:
        base_of(model).activation_checkpointing_enable()
        # It makes the embeddings' output require a gradient, which reentrant checkpoints alone need: every frozen
        # layer below the first trained one would be passed backward.
        base_of(model).disable_input_require_grads()
    weights = None if sharded else Weights(model, engine.precision)  # before it is placed: bf16 halves what is moved
    if weights:  # shards are placed as they are cut
        _place(model, losses, device, validates or recipe.gradient.whole_model)
        weights.follow()
    adapters_off = recipe.scope.off_is_target
    reference = freeze_reference(model, sharded, adapters_off) if recipe.needs("reference_model") else None
    if engine.compiled:
        keep_compiled_code_private()
        for layer in decoder_layers(model):
            layer.compile(dynamic=True)
    if sharded:
        from blur_pipeline.training.workers.sharding import begin, read, shard

        for whole in [model, *([reference.model] if isinstance(reference, WholeCopy) else [])]:
            shard(whole, engine.precision, device)
            if weights_in is not None:
                read(whole, weights_in, device)
            begin(whole)
    weights = weights or Weights(model, engine.precision, sharded)
    masks = masks and [None if masks.get(name) is None else masks[name].to(device) for name in weights.names]
    if opened.emptied:
        _empty(weights, masks)
    recipe = _looked(recipe, SetLook(model, sets or {}, device))
    return Ready(model.train(), recipe, weights, reference, device, sharded, masks, opened.found or {})


def _open(
    model: nn.Module, recipe: Recipe, device: torch.device, sets: Mapping[str, Examples] | None, sharded: bool
) -> Opened:
    scope = recipe.scope
    if not scope.looks:
        return scope.open(model)
    if sharded:
        raise ValueError(f"scope '{scope.kind}' looks at the whole model before it trains; use training.sharding ddp")
    opened = scope.open(model, SetLook(model.to(device), sets, device))
    if world.size() > 1:  # sums on a GPU are not the same twice, and replicas must be
        masks = opened.masks or {}
        for tensor in [*(p.data for p in opened.model.parameters()), *(masks[name] for name in sorted(masks))]:
            dist.broadcast(tensor, src=0)
    return opened


@torch.no_grad()
def _empty(weights: Weights, masks: list[Tensor | None]) -> None:
    with weights.there():
        for moved, mask in zip(weights.moved, masks, strict=True):
            if mask is not None:
                moved.masked_fill_(~mask, 0.0)


@torch.no_grad()
def _looked(recipe: Recipe, look: SetLook) -> Recipe:
    def look_first(loss: Loss | Penalty) -> Loss | Penalty:
        return loss.looked(look) if isinstance(loss, Loss) else loss

    return recipe.model_copy(update={side: tuple(map(look_first, getattr(recipe, side))) for side in SIDES})


def _require_layers(model: nn.Module, losses: list[Loss]) -> None:
    last, depths = len(decoder_layers(model)) - 1, [loss.reads_layer for loss in losses if loss.reads_layer is not None]
    if depths and max(depths) > last:
        raise ValueError(f"layer {max(depths)} does not exist: this model has layers 0 to {last}")


def _place(model: nn.Module, losses: list[Loss], device: torch.device, validates: bool) -> None:
    """Move to the device what will run: where every loss reads a layer, those above it and the head stay away, but
    for validation."""
    layers = list(decoder_layers(model))
    depths = [loss.reads_layer for loss in losses]
    if not depths or None in depths or validates:
        model.to(device)
        return
    deepest = max(depths)
    idle = {id(p) for layer in layers[deepest + 1 :] for p in layer.parameters()}
    tied = base_of(model).get_input_embeddings().weight
    idle |= {id(p) for p in base_of(model).get_output_embeddings().parameters() if p is not tied}
    for parameter in model.parameters():
        if id(parameter) not in idle:
            parameter.data = parameter.data.to(device)
    for buffer in model.buffers():
        buffer.data = buffer.data.to(device)
