"""Forgetting up to a level: what the model has never seen has an NLL too, and none should be pushed beyond it.

ℓ̄ is the mean NLL of a sequence's supervised tokens (``per: sequence``) or a token's NLL (``per: token``), in nats.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Look, Loss, Outputs

if TYPE_CHECKING:
    from torch import Tensor


class _Level(Loss):
    level: Annotated[float, Field(gt=0)] | Literal["measured"] = Field(
        description="nats per token: a number, or the mean of a set under the target model"
    )
    measured_on: str = Field("holdout", description="the set whose mean a measured level is")
    per: Literal["sequence", "token"] = Field("sequence", description="a mean over sequences, or over tokens")

    @property
    def unit(self) -> str:
        """The engine's divisor."""
        return "sequences" if self.per == "sequence" else "tokens"

    @property
    def measures(self) -> str | None:
        return self.measured_on if self.level == "measured" else None

    def looked(self, look: Look) -> _Level:
        """With the mean token NLL of the set, scored once by the target model."""
        if self.level != "measured":
            return self
        logprobs = [outputs.token_logprobs().double() for outputs in look.passes(self.measured_on)]
        mean = -sum(part.sum().item() for part in logprobs) / sum(len(part) for part in logprobs)
        return self.model_copy(update={"level": mean})

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        if self.per == "sequence":
            nll = -model.sequence_logprobs() / model.supervised_tokens().clamp_min(1)  # (B,)
        else:
            nll = -model.token_logprobs()  # (N,)
        return self._off(nll, self.level).sum()

    @abstractmethod
    def _off(self, nll: Tensor, level: float) -> Tensor:
        """How far each is off, elementwise."""


class LevelHinge(_Level):
    """max(0, level − ℓ̄): ascent as far as the level, where it rests; what lies above is left there.

    Of the NLLs 1 and 4 with level 3 only the first is raised, and the sum is 2.
    """

    kind: Literal["level_hinge"] = "level_hinge"

    def _off(self, nll: Tensor, level: float) -> Tensor:
        return (level - nll).clamp_min(0)


class LevelSquare(_Level):
    """(ℓ̄ − level)²: slower the nearer it is, and what was pushed too far comes back.

    The NLLs 1 and 4 with level 3 give 4 + 1.
    """

    kind: Literal["level_square"] = "level_square"

    def _off(self, nll: Tensor, level: float) -> Tensor:
        return (nll - level).square()
