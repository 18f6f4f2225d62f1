"""What a causal language model says about a batch, computed when a loss asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from blur_pipeline.methods.choice import Loss, Moment, PerToken
from blur_pipeline.methods.mixture import mixtures
from blur_pipeline.models.anatomy import decoder_layers, head_sees, only_up_to, plain_head, without_head
from blur_pipeline.models.chunked_head import by_chunks
from blur_pipeline.models.examples import Batch
from blur_pipeline.models.heads import whole_heads
from blur_pipeline.models.masks import unread_masks
from blur_pipeline.models.packed import boundaries_of

Around = Callable[[], AbstractContextManager]
Call = tuple[tuple[Any, ...], dict[str, Any]]
"""What a module was called with; its first argument is the hidden state."""


class Forward:
    """The ``Outputs`` (methods/choice.py) of ``model`` on ``batch``; at most one pass per kind of output.

    ``around`` opens a context for each pass: nothing for the trained model, no-grad for a reference.
    ``logits_chunk`` bounds how many supervised tokens have their logits at once (models/chunked_head.py).
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        around: Around = nullcontext,
        logits_chunk: int | None = None,
        moment: Moment = Moment(),  # noqa: B008 (a tuple of two numbers)
        known: Mapping[Loss, Tensor] | None = None,
    ) -> None:
        self.model, self.batch, self.around, self.logits_chunk = model, batch, around, logits_chunk
        self._moment, self._known = moment, known
        self._states: dict[int, Tensor] = {}
        self._calls: dict[int, list[Call]] = {}
        self._companions: dict[str, Forward] = {}

    def run(self) -> Tensor:
        """One pass of the model; what its head returns."""
        batch = self.batch
        with self.around(), whole_heads(batch.input_ids.device), unread_masks(self.model, batch) as mask:
            return self.model(
                input_ids=batch.input_ids,
                attention_mask=mask,
                position_ids=batch.position_ids,
                use_cache=False,
                **boundaries_of(self.model, batch),
            ).logits

    @cached_property
    def _supervised_logits(self) -> Tensor:
        with head_sees(self.model, self.batch.predicting):  # the (B, T, V) tensor never exists
            return self.run().float()  # (N, V)

    @cached_property
    def _head_inputs(self) -> Tensor:
        with without_head(self.model):
            return self.run().flatten(0, 1).index_select(0, self.batch.predicting)  # (N, H)

    def _head_logits(self, hidden: Tensor) -> Tensor:
        with self.around():
            return plain_head(self.model)(hidden).float()

    @cached_property
    def _token_logprobs(self) -> Tensor:
        return self.per_token(lambda logits, targets, _: -cross_entropy(logits, targets, reduction="none"))

    def per_token(self, function: PerToken, reference: Forward | None = None) -> Tensor:
        targets, chunk = self.batch.targets, self.logits_chunk
        if not chunk or len(targets) <= chunk:
            logits, theirs = self._supervised_logits, None if reference is None else reference.supervised_logits()
            with self.around():
                return function(logits, targets, theirs)
        head, hidden = plain_head(self.model), self._head_inputs
        theirs = None if reference is None else (reference._head_inputs, reference._head_logits)
        with self.around():
            return by_chunks(head, hidden, targets, chunk, function, theirs)

    def targets(self) -> Tensor:
        return self.batch.targets

    def sequence(self) -> Tensor:
        return self.batch.sequence

    def later(self) -> Tensor:
        before = self.batch.sequence.roll(1)
        before[:1] = -1
        return before == self.batch.sequence

    def moment(self) -> Moment:
        return self._moment

    def known(self, loss: Loss) -> Tensor:
        return self._known[loss]

    def companion(self, name: str) -> Forward:
        if name not in self._companions:
            batch = self.batch.companions[name]
            self._companions[name] = Forward(self.model, batch, self.around, self.logits_chunk, self._moment)
        return self._companions[name]

    def supervised_logits(self) -> Tensor:
        return self._supervised_logits

    def token_logprobs(self) -> Tensor:
        return self._token_logprobs

    def sequence_logprobs(self) -> Tensor:
        sums = self._token_logprobs.new_zeros(self.batch.size)
        return sums.index_add(0, self.batch.sequence, self._token_logprobs)

    def supervised_tokens(self) -> Tensor:
        ones = torch.ones_like(self.batch.sequence)
        return torch.zeros(self.batch.size, dtype=torch.int64, device=ones.device).index_add(
            0, self.batch.sequence, ones
        )

    def reference_logprobs(self) -> Tensor:
        if self.batch.reference_logprobs is None:
            raise ValueError("this loss compares with the target model: score the forget set first")
        return self.batch.reference_logprobs

    def position_logits(self) -> Tensor:
        with head_sees(self.model, self.batch.filled):
            return self.run().float()

    def hidden(self, layer: int) -> Tensor:
        return self._at_filled(layer)

    def answers(self) -> Tensor:
        return torch.searchsorted(self.batch.filled, self.batch.predicting + 1)

    def hidden_at(self, layers: Sequence[int]) -> Tensor:
        self._see(layers)
        return torch.stack([self._at_filled(layer) for layer in layers])

    def _at_filled(self, layer: int) -> Tensor:
        self._see([layer])
        return self._states[layer].flatten(0, 1).index_select(0, self.batch.filled)

    def router(self, layer: int) -> Tensor:
        _, block = mixtures(self.model)[layer]
        with only_up_to(self.model, layer), _outputs_of([block.gate]) as seen:
            self.run()
        return seen[0].index_select(0, self.batch.filled).float()

    def topics(self) -> tuple[tuple[int, ...], Tensor]:
        return self.batch.topics, self.batch.topic_of_filled

    def state(self, layer: int) -> Tensor:
        """``(B, T, H)`` output of decoder layer ``layer``."""
        self._see([layer])
        return self._states[layer]

    def _see(self, layers: Sequence[int]) -> None:
        """One pass, for those not seen yet; the layers above the deepest of them do not run."""
        missing = sorted(set(layers) - self._states.keys())
        if not missing:
            return
        stack = list(decoder_layers(self.model))[: missing[-1] + 1]
        with (
            only_up_to(self.model, missing[-1]),
            _calls_to(stack) as calls,
            _outputs_of([stack[layer] for layer in missing]) as seen,
        ):
            self.run()
        self._states |= zip(missing, seen, strict=True)
        self._calls |= dict.fromkeys(missing, calls)

    def calls_of(self, first: int, layer: int) -> list[Call]:
        """How the layers ``first`` to ``layer`` were called on the way to ``hidden(layer)``."""
        self._see([layer])
        return self._calls[layer][first : layer + 1]


@contextmanager
def _calls_to(modules: list[nn.Module]) -> Iterator[list[Call]]:
    calls: list[Call] = []
    handles = [
        module.register_forward_pre_hook(lambda _m, args, named: calls.append((args, named)), with_kwargs=True)
        for module in modules
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _outputs_of(modules: list[nn.Module]) -> Iterator[list[Tensor]]:
    """In the order in which they run."""
    seen: list[Tensor] = []
    handles = [
        module.register_forward_hook(
            lambda _module, _inputs, output: seen.append(output if isinstance(output, Tensor) else output[0])
        )
        for module in modules
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
