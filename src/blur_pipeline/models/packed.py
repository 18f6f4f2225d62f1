"""Packed rows by torch's variable-length kernels: no mask of T × T, and no work between sequences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from blur_pipeline.models.anatomy import base_of
from blur_pipeline.models.examples import Batch

NAME = "variable_length"
PATTERNS = {"full_attention", "sliding_attention"}
"""Of layers, those that the kernels know; others are in a mask alone."""
REFUSED = ("softcap", "position_bias", "s_aux")
WIDEST = 256


@contextmanager
def packed_kernels(model: nn.Module, device: torch.device) -> Iterator[None]:
    """While open, the model attends by these kernels to batches in the layout ``packed``, in half precision.

    Where device or model has none, packed rows go on being kept apart by a mask. It is open for a whole training: a
    layer may be computed again in the backward pass.
    """
    config = base_of(model).get_decoder().config
    before = config._attn_implementation
    if not _on(device) or before != "sdpa" or not _fits(base_of(model), config):
        yield
        return
    ALL_ATTENTION_FUNCTIONS[NAME] = attend
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before
        del ALL_ATTENTION_FUNCTIONS[NAME]


def boundaries_of(model: nn.Module, batch: Batch) -> dict[str, Any]:
    """What the model hands through to its attention, where it attends by these kernels."""
    if base_of(model).get_decoder().config._attn_implementation != NAME:
        return {}
    return {
        "cu_seq_lens_q": batch.boundaries,
        "cu_seq_lens_k": batch.boundaries,
        "max_length_q": batch.longest,
        "max_length_k": batch.longest,
    }


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    cu_seq_lens_q: Tensor,
    max_length_q: int,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """transformers' attention: ``(1, heads, T, D)`` in, ``(1, T, heads, D)`` out. Raises ValueError where a model wants
    of its attention what these kernels cannot do."""
    from torch.nn.attention.varlen import varlen_attn

    wanted = [name for name in REFUSED if others.get(name) is not None] + ["dropout"] * bool(others.get("dropout"))
    if wanted:
        raise ValueError(f"attention with {wanted[0]} has no variable-length kernel; use training.layout right")
    if torch.is_autocast_enabled(query.device.type):  # which does not know this operation
        half = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(half), key.to(half), value.to(half)
    out = varlen_attn(
        *(part[0].transpose(0, 1).contiguous() for part in (query, key, value)),
        cu_seq_lens_q,
        cu_seq_lens_q,
        max_length_q,
        max_length_q,
        scale=scaling,
        window_size=(-1 if sliding_window is None else sliding_window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return out[None], None


def _on(device: torch.device) -> bool:
    there = find_spec("torch.nn.attention.varlen") is not None
    return there and device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def _fits(base: nn.Module, config: Any) -> bool:
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return (
        getattr(base, "_supports_attention_backend", False)
        and getattr(base, "_supports_flash_attn", False)
        and set(getattr(config, "layer_types", None) or ()) <= PATTERNS
        and not any(getattr(config, name, 0) for name in ("attention_dropout", "attn_pdrop"))
        and width <= WIDEST
        and width % 8 == 0
    )
