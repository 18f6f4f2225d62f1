"""Gradient ascent with a weight for each token, through which no gradient goes.

p is the token's probability under θ, p₀ under the target model, ℓ = −log p.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Loss, Outputs

if TYPE_CHECKING:
    from torch import Tensor


class WGA(Loss):
    """Weighted gradient ascent (G-effect, Wang et al., arXiv 2502.19301): −mean of p^β·ℓ.

    What is improbable already is pushed no further: two tokens of probability ½, β = 1, give ½·log ½. β = 0 is
    gradient ascent.
    """

    kind: Literal["wga"] = "wga"
    beta: float = Field(1.0, ge=0, description="β, how soon a forgotten token stops being pushed")
    unit: ClassVar = "tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        logprob = model.token_logprobs()
        return ((self.beta * logprob).exp().detach() * logprob).sum()


class TNPO(Loss):
    """Token-wise NPO (the same paper): −mean of w·ℓ with w = 2p^β/(p^β + p₀^β), which is NPO's weight per token.

    At θ₀ every w is 1: gradient ascent. p = ½, p₀ = ¼, β = 1 give w = 4/3 and 4/3·log ½.
    """

    kind: Literal["tnpo"] = "tnpo"
    beta: float = Field(1.0, ge=0, description="β, how soon a forgotten token stops being pushed")
    unit: ClassVar = "tokens"
    needs: ClassVar = "reference_model"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.per_token(self._term, reference).sum()

    def _term(self, logits: Tensor, targets: Tensor, reference: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        ours, theirs = (-cross_entropy(z, targets, reduction="none") for z in (logits, reference))
        # As a sigmoid, which needs no 1e-5 below the line where both are improbable.
        return 2 * (self.beta * (ours - theirs)).sigmoid().detach() * ours


class SatImp(Loss):
    """Saturation and importance (Yang et al., arXiv 2505.11953): −mean of p^β₁·(1 − p)^β₂·ℓ.

    β₁ spares what is forgotten (saturation), β₂ what anybody could guess (importance). β₂ = 0 is WGA. p = ½,
    β₁ = β₂ = 1 give ¼·log ½.
    """

    kind: Literal["satimp"] = "satimp"
    beta1: float = Field(5.0, ge=0, description="β₁, the authors' README")
    beta2: float = Field(0.1, ge=0, description="β₂, the authors' README; their code falls back to 5")
    unit: ClassVar = "tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        logprob = model.token_logprobs()
        p = logprob.detach().exp()
        return (p**self.beta1 * (1 - p).clamp_min(0) ** self.beta2 * logprob).sum()
