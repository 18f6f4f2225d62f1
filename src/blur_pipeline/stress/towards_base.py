"""Attacks that take weights from the base model, which everybody has."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from blur_pipeline.stress.choice import Access, Ask, Attack, Given

if TYPE_CHECKING:
    from torch import nn

log = logging.getLogger(__name__)
Parts = Annotated[tuple[Annotated[float, Field(gt=0, le=10)], ...], Field(min_length=1)]


class Merge(Attack):
    """U + t·(B − U), towards the base model B, and U − t·(B − U), away from it.

    Away undoes an unlearning that went back towards B: of U = ½·(T + B), t = 1 gives T.
    """

    kind: Literal["merge"] = "merge"
    access: ClassVar[Access] = "weights"
    unit: ClassVar = "of the way"
    drawn: ClassVar = False
    beside: ClassVar = ("base", "target")

    parts: Parts = Field((0.1, 0.3, 0.5), description="t, the part of the way")

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks once a part and direction."""
        import torch

        if not _fits(given, "merging"):
            return
        base = dict(given.base().named_parameters())
        for name, sign in (("towards the base", 1), ("away from the base", -1)):
            for part in self.parts:
                model = copy.deepcopy(given.model)
                with torch.no_grad():
                    for place, weight in model.named_parameters():
                        weight.lerp_(base[place].to(weight.device, weight.dtype), sign * part)
                ask(model, given.forget, name, part)


class Surgery(Attack):
    """One layer after the other is the base model's, the rest is left: a suppression that sits in one place is gone."""

    kind: Literal["surgery"] = "surgery"
    access: ClassVar[Access] = "weights"
    drawn: ClassVar = False
    beside: ClassVar = ("base", "target")

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks once a layer."""
        from blur_pipeline.models.anatomy import decoder_layers

        if not _fits(given, "surgery"):
            return
        model = copy.deepcopy(given.model)
        layers = decoder_layers(model)
        for depth, (own, base) in enumerate(zip(list(layers), decoder_layers(given.base()), strict=True)):
            weight = next(own.parameters())
            layers[depth] = copy.deepcopy(base).to(weight.device, weight.dtype)
            ask(model, given.forget, f"layer {depth}")
            layers[depth] = own


def _fits(given: Given, what: str) -> bool:
    """Whether the base model is of the same shapes, and not the target model itself, whose knowledge it would bring."""
    shapes, wanted = (_shapes(model) for model in (given.base(), given.model))
    if shapes != wanted:
        log.warning("Stress: no %s: the base model is of other shapes than the one that is attacked", what)
    elif _same(given.base(), given.target()):
        log.warning("Stress: no %s: the base model is the target model itself, which knows everything", what)
    else:
        return True
    return False


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in model.named_parameters()}


def _same(one: nn.Module, other: nn.Module) -> bool:
    if one is other:
        return True
    theirs = dict(other.named_parameters())
    if theirs.keys() != dict(one.named_parameters()).keys():
        return False
    return all(
        w.shape == theirs[n].shape and bool((w == theirs[n].to(w.device, w.dtype)).all())
        for n, w in one.named_parameters()
    )
