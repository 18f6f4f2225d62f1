"""Rules for gradients that pull against each other: what of one opposes the other is taken out, or weighed.

f and r stand for w_f·f and w_r·r where a rule has weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Gradient, Rule, Seen

if TYPE_CHECKING:
    from torch import Tensor


class _Weighted(Rule):
    forget: float = Field(1.0, ge=0, description="w_f, the weight of the forget loss")
    retain: float = Field(1.0, ge=0, description="w_r, the weight of the retain loss")

    def weighted(self, gram: Tensor) -> tuple[Tensor, Tensor]:
        """The two weights, and G of the weighted gradients and of what is remembered."""
        import torch

        weights = torch.ones_like(gram[0])
        weights[0], weights[1] = self.forget, self.retain
        return weights, weights[:, None] * gram * weights


class PCGrad(_Weighted):
    """Gradient surgery (Yu et al., arXiv 2001.06782, algorithm 1): where ⟨f,r⟩ < 0 each loses its part along the other.

    f = (1,0), r = (−1,1): ⟨f,r⟩ = −1, f' = f + r/2 = (½,½), r' = r + f = (0,1), d = f' + r' = (½,3/2).
    Published code always takes the mean of the two, half of it.
    """

    kind: Literal["pcgrad"] = "pcgrad"
    reduction: Literal["sum", "mean"] = Field("sum", description="of f' and r'; mean: as published code has it")

    def __call__(self, gram: Tensor, seen: Seen) -> Tensor:
        """w_f·(1 − min(⟨f,r⟩, 0)/‖f‖²), and the same for r."""
        weights, gram = self.weighted(gram)
        against = gram[0, 1].clamp_max(0)
        share = 1.0 if self.reduction == "sum" else 0.5
        return share * weights * (1 - against * inverse(gram.diagonal()))


class MGDA(Rule):
    """The shortest of all c·f + (1−c)·r (Désidéri 2012; Sener & Koltun, arXiv 1810.04650, eq. 5), which lowers both.

    c = (‖r‖² − ⟨f,r⟩)/‖f − r‖², at most 1, at least 0. f = (2,0), r = (0,1): c = 1/5 and d = (2/5, 4/5), whose inner
    product with either is ‖d‖² = 4/5. Where one gradient is zero nothing lowers both, and d = 0.
    """

    kind: Literal["mgda"] = "mgda"
    margin: float = Field(0.0, ge=0, lt=0.5, description="how far c stays from 0 and 1 at the ends; 0.001 as published")

    def __call__(self, gram: Tensor, seen: Seen) -> Tensor:
        """(c, 1−c)."""
        import torch

        ff, fr, rr = gram[0, 0], gram[0, 1], gram[1, 1]
        c = (rr - fr) * inverse(ff + rr - 2 * fr)
        c = torch.where(fr >= rr, torch.full_like(c, self.margin), c)
        c = torch.where(fr >= ff, torch.full_like(c, 1 - self.margin), c)
        return torch.stack([c, 1 - c])


class GRU(_Weighted):
    """Gradient rectified unlearning (Wang et al., arXiv 2503.09117, eq. 6): g = f + r never opposes m, the running mean
    of r.

    m ← a·r + (1−a)·m from m = 0; where ⟨g,m⟩ < 0, g ← g − ⟨g,m⟩/‖m‖²·m. f = (−3,1), r = (1,0), a = 1: g = (−2,1),
    m = r, and g becomes (0,1).
    """

    kind: Literal["gru"] = "gru"
    average: float = Field(0.8, gt=0, le=1, description="a, the weight of the new retain gradient in m")
    cosine_floor: float = Field(
        -1.0, ge=-1, le=0, description="the cosine of g and m is taken to be at least this; the code offers −0.5"
    )

    def memory(self, moved: Sequence[Tensor], device: object) -> dict[str, Tensor | list[Tensor]]:
        """m."""
        import torch

        return {"retain_mean": [torch.zeros_like(m, requires_grad=False) for m in moved]}

    def recall(self, forget: Gradient, retain: Gradient, memory: dict) -> list[Gradient]:
        """m with this step's r in it."""
        for mean, part in zip(memory["retain_mean"], retain, strict=True):
            mean.mul_(1 - self.average)
            if part is not None:
                mean.add_(part, alpha=self.average)
        return [list(memory["retain_mean"])]

    def __call__(self, gram: Tensor, seen: Seen) -> Tensor:
        """(w_f, w_r, −min(⟨g,m⟩, 0)/‖m‖²)."""
        weights, gram = self.weighted(gram)
        against, mm = (gram[0, 2] + gram[1, 2]).clamp_max(0), gram[2, 2]
        if self.cosine_floor > -1:  # of nearly opposite f and r the sum of G is rounding, and no floor at all
            against = against.maximum(self.cosine_floor * gram[:2, :2].sum().clamp_min(0).sqrt() * mm.sqrt())
        weights[2] = -against * inverse(mm)
        return weights


def inverse(square: Tensor) -> Tensor:
    """1/‖g‖²; of a zero it is a number that zero makes harmless."""
    import torch

    return 1 / square.clamp_min(torch.finfo(square.dtype).tiny)
