"""Attention masks that no host has to read.

transformers asks a mask, and the positions too, whether they mask anything: each time the host waits for the GPU. A
batch knows that already. Under causal attention padding on the right is seen by no token that counts, so it needs no
mask at all, and torch may choose its causal kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers.masking_utils import (
    ALL_MASK_ATTENTION_FUNCTIONS,
    eager_mask,
    packed_sequence_compatibility_function,
    sdpa_mask,
)

from blur_pipeline.models.anatomy import base_of
from blur_pipeline.models.examples import Batch

BUILDERS = {"sdpa": sdpa_mask, "eager": eager_mask}


@contextmanager
def unread_masks(model: nn.Module, batch: Batch) -> Iterator[Tensor | None]:
    """While open, transformers builds the masks of ``batch``; gives the ``attention_mask`` to call the model with.

    What a layer's own pattern asks for (a sliding window shorter than the row, chunks) is still built. Attention that
    is neither ``sdpa`` nor ``eager`` builds its own masks from the mask given, for packed rows from the positions.
    """
    mask = batch.attention_mask
    theirs = base_of(model).get_decoder().config._attn_implementation not in BUILDERS
    if (mask is not None and mask.ndim == 4) or (theirs and batch.packed):  # whole already, or none of ours
        yield mask
        return
    for name, build in BUILDERS.items():
        ALL_MASK_ATTENTION_FUNCTIONS[name] = partial(_mask_of, batch, build)
    try:
        # Where a mask is given, the positions are not looked at.
        yield batch.input_ids.new_ones(batch.input_ids.shape, dtype=torch.bool) if mask is None else mask
    finally:
        for name in BUILDERS:
            del ALL_MASK_ATTENTION_FUNCTIONS[name]


def _mask_of(batch: Batch, build: Callable[..., Tensor | None], **asked: Any) -> Tensor | None:
    """``asked`` is what transformers calls the builder of a mask with, for each pattern among the layers."""
    if batch.attention_mask is None:
        asked["attention_mask"] = None
    else:
        asked["allow_is_causal_skip"] = False  # whether it may be left out is what would be read
    if batch.packed:
        sequences = (batch.position_ids == 0).cumsum(dim=-1)
        pattern = packed_sequence_compatibility_function(asked["mask_function"], batch.position_ids, sequences)
        asked |= {"mask_function": pattern, "allow_is_causal_skip": False}
    return build(**asked)
