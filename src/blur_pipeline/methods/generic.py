"""Who's Harry Potter: train towards what a model would say that had not learnt the forget set."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Choice, Loss, Outputs

if TYPE_CHECKING:
    from torch import Tensor

GENERIC = "generic"
"""The forget sequences with other labels, made of the target model before the training."""


class Reinforcement(Choice):
    """How θ₀ is trained further on the forget set, so as to see which tokens that makes likelier."""

    epochs: float = Field(3, gt=0, le=1000, description="passes over the forget set")
    lr: float = Field(3e-6, gt=0, description="learning rate")
    batch_size: int = Field(128, gt=0, description="sequences in a step")


class WHP(Loss):
    """Mean NLL of generic labels, argmax of z₀ − α·ReLU(z_reinforced − z₀) (Eldan & Russinovich, arXiv 2310.02238).

    z₀ = (1, 0.9), z_reinforced = (2, 0.9), α 5: (−4, 0.9), so the label is the second token. The paper takes z₀ on a
    text in which GPT-4 has put other names in place of the book's; this one, as MUSE's code does, on the text itself.
    """

    kind: Literal["whp"] = "whp"
    alpha: float = Field(5.0, ge=0, description="α, how far the labels shun what the reinforced model finds likelier")
    reinforcement: Reinforcement = Reinforcement()
    unit: ClassVar = "tokens"
    companions: ClassVar = (GENERIC,)

    @property
    def counted(self) -> str:
        return GENERIC

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return -model.companion(GENERIC).token_logprobs().sum()
