"""From the forget gradient f and the retain gradient r to one direction w_f·f + w_r·r.

A rule sees only G, the inner products of f, r and what it remembers, so it is pure, tiny and tested by algebra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Rule, Seen
from blur_pipeline.methods.conflicts import GRU, MGDA, PCGrad, inverse
from blur_pipeline.methods.dual import Dual

if TYPE_CHECKING:
    from torch import Tensor


class Sum(Rule):
    """d = w_f·f + w_r·r, the plain weighted sum."""

    kind: Literal["sum"] = "sum"
    forget: float = Field(1.0, ge=0, description="w_f, the weight of the forget gradient")
    retain: float = Field(1.0, ge=0, description="w_r, the weight of the retain gradient")

    def __call__(self, gram: Tensor, seen: Seen) -> Tensor:
        """The two constants."""
        import torch

        return torch.stack([torch.full_like(gram[0, 0], w) for w in (self.forget, self.retain)])


class Bilevel(Rule):
    """BLUR (Reisizadeh et al., arXiv 2506.08164): the upper level moves among the lower level's solutions.

    ``lower="forget"``: d = r + ξ·f with ξ = γ − ⟨r,f⟩/‖f‖², hence ⟨d,f⟩ = γ·‖f‖²: always a descent direction
    of the forget loss. f = (1,0), r = (−3,2), γ = 1 gives ξ = 4 and d = (1,2). ξ may be negative.
    ``lower="retain"`` swaps the roles: d = f + ξ·r. A lower gradient of zero leaves d = the upper one.
    """

    kind: Literal["bilevel"] = "bilevel"
    gamma: float = Field(1.0, gt=0, description="γ, the pull of the lower level")
    lower: Literal["forget", "retain"] = Field("forget", description="whose solutions the other one moves among")

    def __call__(self, gram: Tensor, seen: Seen) -> Tensor:
        """(ξ, 1), or (1, ξ) where the retain level is the lower one."""
        import torch

        lower = 0 if self.lower == "forget" else 1
        xi = self.gamma - gram[0, 1] * inverse(gram[lower, lower])
        xi = torch.where(gram[lower, lower] > 0, xi, torch.zeros_like(xi))
        pair = (xi, torch.ones_like(xi))
        return torch.stack(pair if lower == 0 else pair[::-1])


Weighting = Annotated[Sum | Bilevel | PCGrad | MGDA | GRU | Dual, Field(discriminator="kind")]
