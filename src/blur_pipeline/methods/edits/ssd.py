"""Weights dampened where the forget set matters more than the data as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.edits.choice import Edit, Given
from blur_pipeline.methods.fisher import fisher

if TYPE_CHECKING:
    from torch import Tensor, nn


class SSD(Edit):
    """Selective synaptic dampening (Foster et al., arXiv 2308.07707): θ ← min(λ·I/I_f, 1)·θ where I_f > α·I.

    I_f is the forget set's diagonal Fisher information, by single sequences (published code: batches), I that of both
    sets together. I_f = (6, 1), I = (2, 2), α = 2, λ = 1: the first weight becomes a third, the second stays.
    """

    kind: Literal["ssd"] = "ssd"
    alpha: float = Field(2.0, gt=0, description="α, selects nothing from 1/(the forget set's share of all tokens) on")
    dampening: float = Field(1.0, ge=0, description="λ; zero prunes what is selected")

    def __call__(self, model: nn.Module, given: Given) -> Iterator[tuple[str, Tensor]]:
        """All weights."""
        look, named, selected = given.look(model), dict(model.named_parameters()), 0
        (forget, n), (retain, m) = (fisher(look, name, list(named.values()), True) for name in ("forget", "retain"))
        for (name, theta), f, r in zip(named.items(), forget, retain, strict=True):
            whole = (n * f + m * r) / (n + m)
            selected += int((chosen := f > self.alpha * whole).sum())
            yield name, theta * (self.dampening * whole / f).clamp_max(1).where(chosen, 1)
        if not selected:
            raise BadInputError(f"edit.alpha: no weight matters {self.alpha:g} times more for the forget set.")
