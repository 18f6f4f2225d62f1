"""Losses of the margin between the token to forget and the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from blur_pipeline.methods.choice import Loss, Outputs

if TYPE_CHECKING:
    from torch import Tensor


class InvertedHinge(Loss):
    """Inverted hinge (LoKU, Cha et al., arXiv 2408.06621): mean of 1 + p_y − max_{v≠y} p_v.

    It lies between 0 and 2 and pushes the token down only as far as the next best. p = (½, ¼, ¼) with y the first
    gives 5/4.
    """

    kind: Literal["ihl"] = "ihl"
    unit: ClassVar = "tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.per_token(_inverted_hinge).sum()


def _inverted_hinge(logits: Tensor, targets: Tensor, reference: Tensor | None) -> Tensor:
    p = logits.softmax(dim=-1)
    others = p.scatter(-1, targets[:, None], 0.0)
    return 1 + p.gather(-1, targets[:, None]).squeeze(-1) - others.amax(dim=-1)


class LogitMargin(Loss):
    """The forget loss of primal-dual unlearning (PDU, arXiv 2506.05314): mean of (max_v z − mean_v z)².

    Least where all logits are one. z = (3, 0, 0) gives (3 − 1)² = 4. Taken where a supervised token is predicted; the
    published mask stands one position too far right. Its dual is a weighting.
    """

    kind: Literal["logit_margin"] = "logit_margin"
    unit: ClassVar = "tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.per_token(_margin).sum()


def _margin(logits: Tensor, targets: Tensor, reference: Tensor | None) -> Tensor:
    return (logits.amax(dim=-1) - logits.mean(dim=-1)).square()
