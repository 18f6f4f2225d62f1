"""Back towards the model that knows none of the sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.edits.choice import Edit, Given

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Interpolation(Edit):
    """θ = θ₀ + a·(θ_base − θ₀), as in WiSE-FT (Wortsman et al., arXiv 2109.01903) from the other end.

    θ₀ = 1, θ_base = 3, a = ½ give 2; a = 0 gives θ₀ and a = 1 the base model, to the bit.
    """

    kind: Literal["interpolation"] = "interpolation"
    strength: float = Field(0.5, ge=0, le=1, description="a, how far towards the base model")
    needs_base: ClassVar = True

    def __call__(self, model: Module, given: Given) -> Iterator[tuple[str, Tensor]]:
        """Every weight.

        Raises:
            BadInputError: the two are not of the same shapes.
        """
        import torch

        base = dict(given.base.named_parameters())
        shapes = {name: tuple(theta.shape) for name, theta in model.named_parameters()}
        if shapes != {name: tuple(weight.shape) for name, weight in base.items()}:
            raise BadInputError("interpolation: the base model and the target model are of different shapes.")
        for name, theta in model.named_parameters():
            yield name, torch.lerp(theta, base[name].to(theta.device), self.strength)
