"""The losses that keep the model useful, taken on the retain set."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Loss, Outputs
from blur_pipeline.methods.positions import AtPositions

if TYPE_CHECKING:
    from torch import Tensor


class NLL(Loss):
    """Mean negative log-likelihood of the supervised tokens: two tokens of probability ½ give log 2."""

    kind: Literal["nll"] = "nll"
    unit: ClassVar = "tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return -model.token_logprobs().sum()


class KL(Loss):
    """KL(θ₀ ‖ θ) over supervised positions, mean per token; 0 at θ = θ₀."""

    kind: Literal["kl"] = "kl"
    unit: ClassVar = "tokens"
    needs: ClassVar = "reference_model"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.per_token(_kl, reference).sum()


def _kl(logits: Tensor, targets: Tensor, reference: Tensor) -> Tensor:
    """(n,) Σ_v p₀·(log p₀ − log p)."""
    theirs = reference.log_softmax(dim=-1)
    return (theirs.exp() * (theirs - logits.log_softmax(dim=-1))).sum(dim=-1)


class JS(KL):
    """JensUn's (arXiv 2509.02820): the Jensen-Shannon divergence of θ and θ₀; 0 at θ₀, log 2 if they share nothing."""

    kind: Literal["js"] = "js"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.per_token(_js, reference).sum()


def _js(logits: Tensor, targets: Tensor, reference: Tensor) -> Tensor:
    """(n,) ½·KL(p ‖ m) + ½·KL(p₀ ‖ m), m = ½(p + p₀)."""
    ours, theirs = (z.log_softmax(dim=-1) for z in (logits, reference))
    middle = ours.logaddexp(theirs) - log(2)
    return (ours.exp() * (ours - middle) + theirs.exp() * (theirs - middle)).sum(dim=-1) / 2


class ActivationMSE(AtPositions):
    """MSE(h_L(x), h_L^θ₀(x)), the partner of RMU; padding excluded."""

    kind: Literal["activation_mse"] = "activation_mse"
    layer: int = Field(7, ge=0, description="L, the decoder layer whose output is kept, from 0")
    needs: ClassVar = "reference_model"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        gap = model.hidden(self.layer).float() - reference.hidden(self.layer).float()  # (P, H)
        return self.asked(model, gap).square().mean(dim=-1).sum()
