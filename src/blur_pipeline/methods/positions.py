"""At which positions a loss of hidden states is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blur_pipeline.methods.choice import Outputs

if TYPE_CHECKING:
    from torch import Tensor


def asked(model: Outputs, at_positions: Tensor, prompt: bool) -> Tensor:
    """``(P, H)`` as they are, or ``(N, H)`` of them: the supervised tokens.

    A chat's opening is the same text, and state, in every row of either set: what steers it away in one and holds it in
    the other pulls at one state from both ends.
    """
    return at_positions if prompt else at_positions.index_select(0, model.answers())
