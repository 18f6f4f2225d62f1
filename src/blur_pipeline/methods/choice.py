"""What every choice of every slot has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from torch import Tensor

Unit = Literal["tokens", "sequences", "positions"]
"""What a loss is a mean over: supervised tokens, sequences, or positions that are not padding."""


class Choice(BaseModel):
    """A frozen set of hyperparameters; a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Outputs(Protocol):
    """What a loss may ask of a model on one micro-batch of B sequences, T positions, N supervised tokens.

    Each quantity is computed when asked for. All log-probabilities and logits are float32.
    """

    def token_logprobs(self) -> Tensor:
        """``(N,)`` log-probability of each supervised token, sequence after sequence."""

    def sequence_logprobs(self) -> Tensor:
        """``(B,)`` their sums per sequence."""

    def supervised_tokens(self) -> Tensor:
        """``(B,)`` int64, the number of supervised tokens of each sequence."""

    def reference_logprobs(self) -> Tensor:
        """``(B,)`` summed log-probability under the target model, scored once before training."""

    def supervised_logits(self) -> Tensor:
        """``(N, V)`` logits at the positions that predict a supervised token."""

    def position_logits(self) -> Tensor:
        """``(P, V)`` logits at all P positions that are not padding."""

    def hidden(self, layer: int) -> Tensor:
        """``(P, H)`` output of decoder layer ``layer`` at the positions that are not padding."""

    def topics(self) -> tuple[tuple[int, ...], Tensor]:
        """The topics that occur, and ``(P,)`` int64, which of them each of those positions belongs to."""


class Loss(Choice, ABC):
    """A loss returns its numerator summed over the micro-batch; the engine divides by the step's count.

    So a step does not depend on how it is cut into micro-batches or ranks (METHODS: token-mean).
    """

    unit: ClassVar[Unit]
    needs: ClassVar[Literal["nothing", "reference_logprobs", "reference_model"]] = "nothing"

    @property
    def reads_layer(self) -> int | None:
        """The decoder layer that is read, beyond which nothing runs; None: the whole model."""
        return getattr(self, "layer", None)

    @abstractmethod
    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        """Sum over the micro-batch, a float32 scalar that carries a gradient.

        ``reference`` holds the outputs of the frozen target model where ``needs`` asks for them.
        """
