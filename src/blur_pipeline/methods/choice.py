"""What every choice of every slot has in common, and what each slot is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

from pydantic import Field, model_validator

from blur_pipeline.config.block import Block

if TYPE_CHECKING:
    from torch import Tensor

Unit = Literal["tokens", "later_tokens", "sequences", "positions"]
"""What a loss is a mean over: supervised tokens, those but the first of each sequence, sequences, or positions that
are not padding."""
Gradient = "list[Tensor | None]"
"""One tensor per trainable weight; None where the loss did not reach it."""
PerToken = Callable[["Tensor", "Tensor", "Tensor | None"], "Tensor"]
"""From float32 logits (n, V), targets (n,) and the reference's logits (n, V) or None to n values."""


class Choice(Block):
    """A frozen set of hyperparameters; a misspelt name is an error."""


class Moment(NamedTuple):
    """Where a training stands: this is step ``step``, from 0, of a schedule of ``steps``, by which goes what fades or
    grows; ``last`` are to be taken, fewer where it is stopped early (``unlearning.stopping``)."""

    step: int = 0
    steps: int = 1
    last: int | None = None

    @property
    def left(self) -> int:
        """Steps after this one."""
        return (self.steps if self.last is None else self.last) - 1 - self.step


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

    def targets(self) -> Tensor:
        """``(N,)`` int64, the supervised tokens."""

    def sequence(self) -> Tensor:
        """``(N,)`` int64, the sequence that each of them belongs to."""

    def later(self) -> Tensor:
        """``(N,)`` bool, false for the first supervised token of each sequence."""

    def per_token(self, function: PerToken, reference: Outputs | None = None) -> Tensor:
        """``(N,)``: ``function`` of the logits, a few tokens at a time where ``training.logits_chunk`` says so; they
        are then computed again in the backward pass."""

    def supervised_logits(self) -> Tensor:
        """``(N, V)`` logits at the positions that predict a supervised token, all at once."""

    def position_logits(self) -> Tensor:
        """``(P, V)`` logits at all P positions that are not padding."""

    def hidden(self, layer: int) -> Tensor:
        """``(P, H)`` output of decoder layer ``layer`` at the positions that are not padding."""

    def answers(self) -> Tensor:
        """``(N,)`` int64, where among those P positions the supervised tokens stand."""

    def router(self, layer: int) -> Tensor:
        """``(P, E)`` float32 logits of the router of decoder layer ``layer`` over its E experts, at those positions."""

    def hidden_at(self, layers: Sequence[int]) -> Tensor:
        """``(L, P, H)`` the same of several layers, of one pass."""

    def topics(self) -> tuple[tuple[int, ...], Tensor]:
        """The topics that occur, and ``(P,)`` int64, which of them each of those positions belongs to."""

    def companion(self, name: str) -> Outputs:
        """The same model on another answer to each of these B sequences' questions, as ``Loss.companions`` names it."""

    def moment(self) -> Moment:
        """Which step of how many this is."""

    def known(self, loss: Loss) -> Tensor:
        """The mean over the step that ``loss`` had taken ``beforehand``, a float32 scalar without a gradient."""


class Look(Protocol):
    """What a scope or a loss may learn of the target model, float32, from the ``forget`` and the ``retain`` set.

    ``singly``: one sequence a batch, so that nothing is padded and a gradient is that of one example.
    """

    def gradients(
        self, name: str, parameters: Sequence[Tensor], singly: bool = False
    ) -> Iterator[tuple[list[Tensor], int]]:
        """A batch at a time: the gradient of the summed NLL of its supervised tokens, and their number."""

    def passes(self, name: str, singly: bool = False) -> Iterator[Outputs]:
        """The model's outputs on a batch at a time, computed when asked for."""


class Loss(Choice, ABC):
    """A loss returns its numerator summed over the micro-batch; the engine divides by the step's count.

    So a step does not depend on how it is cut into micro-batches or ranks (METHODS: token-mean).
    """

    on: str | None = Field(None, description="the set it is taken on; default: that of its side, forget or retain")
    weight: float = Field(1.0, ge=0, description="its weight among the losses of its side")

    @model_validator(mode="before")
    @classmethod
    def _yaml_s_on(cls, value: Any) -> Any:
        """YAML 1.1 reads the bare word ``on`` as true."""
        return {"on" if key is True else key: v for key, v in value.items()} if isinstance(value, dict) else value

    unit: ClassVar[Unit]
    needs: ClassVar[Literal["nothing", "reference_logprobs", "reference_model"]] = "nothing"
    companions: ClassVar[tuple[str, ...]] = ()
    """Other answers that each example must bring along: ``refusal``, ``alternative``."""

    @property
    def measures(self) -> str | None:
        """The set whose mean NLL it takes as its level, learnt from or not."""
        return None

    @property
    def reads_layer(self) -> int | None:
        """The decoder layer that is read, beyond which nothing runs; None: the whole model."""
        return getattr(self, "layer", None)

    @property
    def counted(self) -> str | None:
        """The companion whose units it is a mean over; None: the set's own rows."""
        return None

    def told(self, found: Mapping[str, int]) -> Loss:
        """Itself, with what the scope found out about the model before the first step."""
        return self

    def looked(self, look: Look) -> Loss:
        """This loss with what it has to know of the target model beforehand; most know enough."""
        return self

    @abstractmethod
    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        """Sum over the micro-batch, a float32 scalar that carries a gradient.

        ``reference`` holds the outputs of the frozen target model where ``needs`` asks for them.
        """


class ForeseeingLoss(Loss, ABC):
    """A loss that must know a mean over the whole step first; a pass without a gradient takes it."""

    @abstractmethod
    def beforehand(self, model: Outputs) -> Tensor:
        """The mean's numerator, summed over the micro-batch; ``unit`` says what divides it."""


class Penalty(Choice, ABC):
    """A price on the weights that train, which no row has a part in: taken once a step, in float32."""

    weight: float = Field(1.0, ge=0, description="its weight among the losses of its side")

    @abstractmethod
    def __call__(self, weight: Tensor, moment: Moment) -> Tensor:
        """Of one weight, or this rank's shard of it, a scalar that carries a gradient; the price is the sum of all."""


class Probe(Protocol):
    """Looks at one side's loss around the weights θ: the same rows and the same dropout each time.

    Micro-batches, ranks, shards and precision are seen to. What is moved is float32.
    """

    moment: Moment

    def gradient(self) -> tuple[Tensor, Gradient]:
        """The loss, a detached float32 scalar, and its gradient, both over all ranks."""

    def loss(self) -> Tensor:
        """The loss alone, over all ranks; no backward pass."""

    def shifted(self, direction: Gradient, scale: float | Tensor) -> AbstractContextManager:
        """While open, the weights are θ + scale·direction; afterwards θ to the bit."""

    def noise(self, draw: int) -> Gradient:
        """Standard normal numbers for every weight, a function of (seed, step, side, ``draw``), alike on all ranks."""

    def other(self, loss: Loss, on: str, draw: int) -> Probe:
        """Around the same θ the mean of ``loss`` over as many rows of the set ``on`` as a step has, others for each
        ``draw``: a function of (seed, step, ``draw``)."""

    def coordinates(self, count: int) -> Iterator[Gradient]:
        """Unit vectors along so many different weights, or along all: a function of (seed, step, side)."""

    def combine(self, vectors: Sequence[Gradient], weights: Sequence[float | Tensor]) -> Gradient:
        """Σ w_i·v_i in float32, in the memory of the first; a missing gradient counts as zero."""

    def norm(self, gradient: Gradient) -> Tensor:
        """Its length over all weights and shards, a float32 scalar."""


class Estimator(Choice, ABC):
    """How the gradient of a side's loss is taken at θ."""

    shifts: ClassVar[bool] = False
    """Whether it moves the weights by less than bfloat16 can hold: it then needs ``training.precision`` fp32."""
    whole_model: ClassVar[bool] = False
    """Whether it runs the whole model even where the losses of the recipe read a layer."""

    def too_short(self, steps: int) -> str | None:
        """Why a training of so many steps is none for it, in a sentence."""
        return None

    @abstractmethod
    def __call__(self, probe: Probe) -> tuple[Tensor, Gradient]:
        """The loss at θ, or its mean over where it was looked at, and the gradient to go along; over all ranks."""


class Seen(NamedTuple):
    """What a weighting may look at beside G: the losses of both sides, ``(2,)`` float32, what it remembers, when."""

    losses: Tensor
    memory: dict[str, Tensor | list[Tensor]]
    moment: Moment


class Rule(Choice, ABC):
    """From inner products to the weights of a sum of vectors.

    The vectors are the forget gradient f, the retain gradient r and those that ``recall`` adds. G is their (k, k)
    matrix of inner products over all weights and ranks, float32.
    """

    def memory(self, moved: Sequence[Tensor], device: object) -> dict[str, Tensor | list[Tensor]]:
        """What it remembers, as it is before the first step; tensors are changed in place and checkpointed."""
        return {}

    def recall(self, forget: Gradient, retain: Gradient, memory: dict) -> list[Gradient]:
        """Further vectors, where it remembers any; it may bring them up to date here."""
        return []

    @abstractmethod
    def __call__(self, gram: Tensor, seen: Seen) -> Tensor:
        """``(k,)`` float32, the weight of each vector; no host synchronisation."""
