"""What a causal language model says about a batch, computed when a loss asks for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from blur_pipeline.training.examples import Batch


class Forward:
    """The ``Outputs`` (methods/choice.py) of ``model`` on ``batch``; at most one pass per kind of output.

    ``around`` opens a context for each pass: nothing for the trained model, no-grad for the reference.
    """

    def __init__(
        self, model: nn.Module, batch: Batch, around: Callable[[], AbstractContextManager] = nullcontext
    ) -> None:
        self.model, self.batch, self.around = model, batch, around

    @cached_property
    def _supervised_logits(self) -> Tensor:
        with self.around():
            kept = self.model(
                input_ids=self.batch.input_ids,
                attention_mask=self.batch.attention_mask,
                logits_to_keep=self.batch.keep,  # the (B, T, V) tensor never exists
                use_cache=False,
            ).logits  # (B, K, V)
            return kept[self.batch.rows, self.batch.columns].float()

    @cached_property
    def _token_logprobs(self) -> Tensor:
        with self.around():
            return -cross_entropy(self._supervised_logits, self.batch.targets, reduction="none")

    def supervised_logits(self) -> Tensor:
        return self._supervised_logits

    def token_logprobs(self) -> Tensor:
        return self._token_logprobs

    def sequence_logprobs(self) -> Tensor:
        sums = self._token_logprobs.new_zeros(len(self.batch.input_ids))
        return sums.index_add(0, self.batch.rows, self._token_logprobs)

    def supervised_tokens(self) -> Tensor:
        return torch.bincount(self.batch.rows, minlength=len(self.batch.input_ids))

    def reference_logprobs(self) -> Tensor:
        if self.batch.reference_logprobs is None:
            raise ValueError("this loss compares with the target model: score the forget set first")
        return self.batch.reference_logprobs

    def position_logits(self) -> Tensor:
        with self.around():
            logits = self.model(
                input_ids=self.batch.input_ids, attention_mask=self.batch.attention_mask, use_cache=False
            ).logits
            return logits[self.batch.filled_rows, self.batch.filled_columns].float()

    def hidden(self, layer: int) -> Tensor:
        with self.around():
            states = output_of_layer(self.model, layer, self.batch)  # (B, T, H)
            return states[self.batch.filled_rows, self.batch.filled_columns]

    def topics(self) -> Tensor:
        return self.batch.topics[self.batch.filled_rows]


class _Reached(Exception):  # noqa: N818  (control flow, not an error)
    """Carries a layer's output out of the forward pass, so that the layers above it never run."""

    def __init__(self, hidden: Tensor) -> None:
        self.hidden = hidden


def decoder_layers(model: nn.Module) -> nn.ModuleList:
    """The stack of decoder layers of a transformers model, under a peft wrapper too."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    decoder = base.get_decoder()
    return decoder.layers if hasattr(decoder, "layers") else decoder.h


def output_of_layer(model: nn.Module, layer: int, batch: Batch) -> Tensor:
    """``(B, T, H)`` output of decoder layer ``layer``; the forward pass stops there.

    Raises:
        ValueError: the model has no such layer.
    """
    layers = decoder_layers(model)
    if layer >= len(layers):
        raise ValueError(f"layer {layer} does not exist: this model has layers 0 to {len(layers) - 1}")

    def stop(_module: nn.Module, _inputs: tuple, output: Tensor | tuple) -> None:
        raise _Reached(output if isinstance(output, Tensor) else output[0])

    handle = layers[layer].register_forward_hook(stop)
    try:
        model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
    except _Reached as reached:
        return reached.hidden
    finally:
        handle.remove()
    raise RuntimeError(f"the forward pass ended without running layer {layer}")
