"""Unlikelihood: the probability of the token not to be said is lowered, by a push that ends where it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from blur_pipeline.methods.choice import Loss, Outputs

if TYPE_CHECKING:
    from torch import Tensor


class Unlikelihood(Loss):
    """Mean of −log(1 − p) over supervised tokens (Welleck et al., arXiv 1908.04319; MOLLM's UCE, arXiv 2412.20412).

    Bounded below by 0 and flat where p is 0, unlike gradient ascent. Two tokens of probability ½ give log 2.
    """

    kind: Literal["unlikelihood"] = "unlikelihood"
    unit: ClassVar = "tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.per_token(_unlikely).sum()


def _unlikely(logits: Tensor, targets: Tensor, reference: Tensor | None) -> Tensor:
    """By the logits of the others: 1 − p itself is rounded to nothing where p is near 1."""
    others = logits.scatter(-1, targets[:, None], float("-inf"))
    return logits.logsumexp(dim=-1) - others.logsumexp(dim=-1)
