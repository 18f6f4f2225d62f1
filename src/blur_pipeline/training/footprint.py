"""How many bytes of a training stay on each device, or come up at its height, before any activation."""

from __future__ import annotations

from typing import NamedTuple

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.weights import PORTION_BYTES

MOMENTS = {"adamw": 8, "adamw_8bit": 2}
"""Bytes of an optimizer's state a trained weight; of 8-bit blocks also four bytes in 256."""


class Footprint(NamedTuple):
    """Bytes on one device; ``host`` in the host's memory: a gradient that waits there, and under ``bf16`` the float32
    of frozen weights, but for those that came out of a bfloat16 checkpoint."""

    weights: float
    masters: float
    reference: float
    moments: float
    forget_gradient: float
    retain_gradient: float
    portion: float
    """Masters and direction of a bfloat16 model, float32, a portion at a time, less the gradients that they replace."""
    host: float

    @property
    def static(self) -> float:
        """What stays from step to step."""
        return self.weights + self.masters + self.reference + self.moments

    @property
    def peak(self) -> float:
        """The height of a step: as the first portion moves, with the gradients of all others still there."""
        return self.static + self.forget_gradient + self.retain_gradient + self.portion


def footprint(
    weights: int, trained: int, recipe: Recipe, engine: Engine, parts: int = 1, largest: int = 0, device: str = "cuda"
) -> Footprint:
    """Of a model with ``weights`` weights of which ``trained`` train (with LoRA: the adapters, which are among them),
    at most ``largest`` in one matrix, the least that a step can move.

    ``parts`` are the micro-batches of a side times the ranks: gradients of several are summed in float32. Buffers,
    activations, logits and, under FSDP2, the one or two layers that are gathered whole come on top.
    """
    shards = engine.processes * engine.nodes if engine.sharding == "fsdp" else 1
    masters = engine.precision == "bf16" and shards == 1
    a_weight = 2 if masters else 4
    a_gradient = 2 if masters and parts == 1 else 4
    waits = {"full": a_gradient, "bf16": 2, "host": 0}[engine.gradient_buffer]
    copies = 0
    if recipe.needs("reference_model") and recipe.scope.kind != "lora":
        copies = 4 * weights if shards > 1 else a_weight * trained
    moved_at_once = max(min(PORTION_BYTES[device] / 4, trained), largest)
    waiting_there = a_gradient * trained / shards if engine.gradient_buffer == "host" else 0
    return Footprint(
        weights=a_weight * weights / shards,
        masters=2 * trained if masters else 0,
        reference=copies / shards,
        moments=MOMENTS[recipe.optimizer.kind] * trained / shards,
        forget_gradient=waits * trained / shards,
        retain_gradient=a_gradient * trained / shards,
        portion=(8 - waits - a_gradient) * moved_at_once if masters else 0,
        host=waiting_there + (4 * (weights - trained) if masters else 0),
    )
