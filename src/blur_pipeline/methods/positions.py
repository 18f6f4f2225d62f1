"""At which positions a loss is taken."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING

from pydantic import Field

from blur_pipeline.methods.choice import Loss, Outputs

if TYPE_CHECKING:
    from torch import Tensor


class AtPositions(Loss, ABC):
    """A mean over all positions that are no padding, or over the supervised tokens.

    A chat's opening is the same text, and state, in every row of either set: what steers it away in one and holds it in
    the other pulls at one state from both ends.
    """

    prompt: bool = Field(True, description="at every position, as published, or just the answers")

    @property
    def unit(self) -> str:
        """The engine's divisor."""
        return "positions" if self.prompt else "tokens"

    def asked(self, model: Outputs, at_positions: Tensor) -> Tensor:
        """``(P, H)`` as they are, or ``(N, H)`` of them: the supervised tokens."""
        return at_positions if self.prompt else at_positions.index_select(0, model.answers())
