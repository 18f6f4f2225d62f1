"""From the forget gradient f and the retain gradient r to one direction w_f·f + w_r·r.

A rule sees only G = [[⟨f,f⟩, ⟨f,r⟩], [⟨f,r⟩, ⟨r,r⟩]], so it is pure, tiny and tested by algebra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field

from blur_pipeline.methods.choice import Choice

if TYPE_CHECKING:
    from torch import Tensor


class Gram(NamedTuple):
    """Inner products over all trainable parameters and all ranks, float32 scalars on the model's device."""

    ff: Tensor
    fr: Tensor
    rr: Tensor


class Sum(Choice):
    """d = w_f·f + w_r·r, the plain weighted sum."""

    kind: Literal["sum"] = "sum"
    forget: float = Field(1.0, ge=0, description="w_f")
    retain: float = Field(1.0, ge=0, description="w_r")

    def __call__(self, gram: Gram) -> tuple[Tensor, Tensor]:
        """(w_f, w_r), float32 scalars."""
        import torch

        return torch.full_like(gram.ff, self.forget), torch.full_like(gram.rr, self.retain)


class Bilevel(Choice):
    """BLUR (Reisizadeh et al., arXiv 2506.08164): the upper level moves among the lower level's solutions.

    ``lower="forget"``: d = r + ξ·f with ξ = γ − ⟨r,f⟩/‖f‖², hence ⟨d,f⟩ = γ·‖f‖²: always a descent direction
    of the forget loss. f = (1,0), r = (−3,2), γ = 1 gives ξ = 4 and d = (1,2). ξ may be negative.
    ``lower="retain"`` swaps the roles: d = f + ξ·r. A lower gradient of zero leaves d = the upper one.
    """

    kind: Literal["bilevel"] = "bilevel"
    gamma: float = Field(1.0, gt=0, description="γ, the pull of the lower level")
    lower: Literal["forget", "retain"] = "forget"

    def __call__(self, gram: Gram) -> tuple[Tensor, Tensor]:
        """(w_f, w_r), float32 scalars; no host synchronisation."""
        import torch

        one = torch.ones_like(gram.fr)
        if self.lower == "forget":
            return self._xi(gram.fr, gram.ff), one
        return one, self._xi(gram.fr, gram.rr)

    def _xi(self, inner: Tensor, lower_square: Tensor) -> Tensor:
        import torch

        tiny = torch.finfo(lower_square.dtype).tiny
        xi = self.gamma - inner / lower_square.clamp_min(tiny)
        return torch.where(lower_square > 0, xi, torch.zeros_like(xi))


Weighting = Annotated[Sum | Bilevel, Field(discriminator="kind")]
