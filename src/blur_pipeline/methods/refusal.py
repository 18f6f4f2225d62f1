"""Plain training to give another answer: the forget answer itself is not looked at."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Loss, Outputs
from blur_pipeline.methods.preference import Answer

if TYPE_CHECKING:
    from torch import Tensor


class IDK(Loss):
    """ "I don't know" (Maini et al., arXiv 2401.06121, section 4.3): mean NLL of the refusals' tokens.

    The published code takes one mean over the tokens of refusals and retain answers together, so that short refusals
    weigh little; here each side has its own mean, and ``weighting`` says how they are added.
    """

    kind: Literal["idk"] = "idk"
    answer: Answer = Field("refusal", description="what is to be answered instead")
    unit: ClassVar = "tokens"

    @property
    def companions(self) -> tuple[str, ...]:
        return (self.answer,)

    @property
    def counted(self) -> str:
        return self.answer

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return -model.companion(self.answer).token_logprobs().sum()


class JensUn(IDK):
    """JensUn (arXiv 2509.02820): the mean Jensen-Shannon divergence of p from certainty of the refusal's tokens.

    log 2 + ½(p·log p − (1+p)·log(1+p)): nothing else of the distribution counts. p = 1 gives 0, p = 0 gives log 2.
    """

    kind: Literal["jensun"] = "jensun"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        logprob = model.companion(self.answer).token_logprobs()
        p = logprob.exp()
        return (log(2) + (p * logprob - (1 + p) * p.log1p()) / 2).sum()
