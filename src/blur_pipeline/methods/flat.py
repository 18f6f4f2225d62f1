"""FLAT: an f-divergence between another answer and the one that is to be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Loss, Outputs
from blur_pipeline.methods.preference import Answer

if TYPE_CHECKING:
    from torch import Tensor


class FLAT(Loss):
    """Loss adjustment (Wang et al., arXiv 2410.11143, eq. 6): −g*(P(x, y_e)) + f*(g*(P(x, y))), mean over sequences.

    P(x, y) is the mean probability of an answer's label tokens, y_e the other answer. With P_e = P = ½: TV 0;
    KL −½ + e^(−½); JS log(1 + e^(½)) + log(1 + e^(−½)) − 2·log 2; Pearson 1/16. No retain set, no θ₀. The published
    code takes P over the whole batch and its padding, so that it depends on who shares a batch; this one does not.
    """

    kind: Literal["flat"] = "flat"
    divergence: Literal["tv", "kl", "js", "pearson"] = Field("tv", description="f, with g* as the paper's table 1")
    answer: Answer = Field("refusal", description="y_e, the template answer")
    unit: ClassVar = "sequences"

    @property
    def companions(self) -> tuple[str, ...]:
        return (self.answer,)

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        given, forgotten = _mean_probability(model.companion(self.answer)), _mean_probability(model)  # (B,)
        return _PENALTY[self.divergence](given, forgotten).sum()


def _mean_probability(outputs: Outputs) -> Tensor:
    """``(B,)``; of a sequence without a supervised token it is 0."""
    import torch

    tokens, probabilities = outputs.supervised_tokens(), outputs.token_logprobs().exp()
    sums = torch.zeros_like(tokens, dtype=probabilities.dtype).index_add(0, outputs.sequence(), probabilities)
    return sums / tokens.clamp_min(1)


def _tv(given: Tensor, forgotten: Tensor) -> Tensor:
    return (forgotten.tanh() - given.tanh()) / 2


def _kl(given: Tensor, forgotten: Tensor) -> Tensor:
    return (forgotten - 1).exp() - given


def _js(given: Tensor, forgotten: Tensor) -> Tensor:
    import math

    from torch.nn.functional import softplus

    return softplus(-given) + softplus(forgotten) - 2 * math.log(2)


def _pearson(given: Tensor, forgotten: Tensor) -> Tensor:
    return forgotten + forgotten.square() / 4 - given


_PENALTY = {"tv": _tv, "kl": _kl, "js": _js, "pearson": _pearson}
