"""Distillation from a target distribution that no longer holds the token to forget.

z are logits, y the token, V the size of the vocabulary; CE(q, p) = −Σ_v q·log p.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Loss, Outputs
from blur_pipeline.methods.positions import AtPositions

if TYPE_CHECKING:
    from torch import Tensor


class CEU(Loss):
    """Cross-entropy unlearning (Yang, arXiv 2503.01224): CE(q, p), q the model's own softmax with z_y = −∞, held
    constant.

    The first token of each answer is left out. p = (½, ¼, ¼) and y the first: q = (0, ½, ½), CE = log 4.
    """

    kind: Literal["ce_u"] = "ce_u"
    unit: ClassVar = "later_tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        # A choice by a mask would have the host wait for how many it chose.
        return model.per_token(_without_the_token).where(model.later(), 0.0).sum()


def _without_the_token(logits: Tensor, targets: Tensor, reference: Tensor | None) -> Tensor:
    aim = logits.detach().scatter(-1, targets[:, None], float("-inf")).softmax(dim=-1)
    return -(aim * logits.log_softmax(dim=-1)).sum(dim=-1)


class UNDIAL(Loss):
    """Self-distillation from adjusted logits (Dong et al., arXiv 2402.10052): CE(q, p), q = softmax(z₀ − β·1_y).

    β = 0 keeps the model at θ₀. Two tokens of equal z₀, β = log 3: the forgotten one is to have ¼.
    """

    kind: Literal["undial"] = "undial"
    beta: float = Field(10.0, ge=0, description="β, how much the target model's logit of the token is lowered")
    unit: ClassVar = "tokens"
    needs: ClassVar = "reference_model"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.per_token(self._lowered, reference).sum()

    def _lowered(self, logits: Tensor, targets: Tensor, reference: Tensor) -> Tensor:
        import torch

        lowered = reference.scatter_add(-1, targets[:, None], torch.full_like(reference[:, :1], -self.beta))
        return -(lowered.softmax(dim=-1) * logits.log_softmax(dim=-1)).sum(dim=-1)


class UGradSL(Loss):
    """Ascent on a label smoothed by a < 0 (UGradSL, Di et al., arXiv 2406.07698): −ℓ(y^a), y^a = (1−a)·1_y + a/V.

    Ascent alone lowers log p_y; the smoothing raises every token's, the more so improbable ones: towards a uniform
    guess. a = 0 is gradient ascent. p = (½, ½), a = −1: y^a = (3/2, −½), and the loss is log ½.
    """

    kind: Literal["ugradsl"] = "ugradsl"
    smoothing: float = Field(-0.1, le=0, description="a, zero or below")
    unit: ClassVar = "tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.per_token(self._smoothed).sum()

    def _smoothed(self, logits: Tensor, targets: Tensor, reference: Tensor | None) -> Tensor:
        logprobs = logits.log_softmax(dim=-1)
        at_target = logprobs.gather(-1, targets[:, None]).squeeze(-1)
        return (1 - self.smoothing) * at_target + self.smoothing * logprobs.mean(dim=-1)


class Entropy(AtPositions):
    """Entropy up to a share of the largest (BLADE, arXiv 2608.22557): max(0, s·log V − H(p)).

    A uniform p of four has H = log 4 and gives 0; a certain one gives s·log 4. It is flat where H is high enough, so
    nothing pushes beyond.
    """

    kind: Literal["entropy"] = "entropy"
    share: float = Field(0.7, gt=0, le=1, description="s, the share of log V up to which entropy is raised")

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        if self.prompt:
            return self._lacking(model.position_logits()).sum()
        return model.per_token(lambda logits, _targets, _reference: self._lacking(logits)).sum()

    def _lacking(self, logits: Tensor) -> Tensor:
        import math

        logprobs = logits.log_softmax(dim=-1)
        entropy = -(logprobs.exp() * logprobs).sum(dim=-1)
        return (self.share * math.log(logits.shape[-1]) - entropy).clamp_min(0)
