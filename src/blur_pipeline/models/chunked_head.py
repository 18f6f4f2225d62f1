"""Functions of logits from the input of a model's head, a few tokens at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from blur_pipeline.methods.choice import PerToken


def by_chunks(
    head: nn.Module,
    hidden: Tensor,
    targets: Tensor,
    size: int,
    function: PerToken,
    reference: tuple[Tensor, Callable[[Tensor], Tensor]] | None = None,
) -> Tensor:
    """``(N,)`` values of ``function`` after ``hidden`` (N, H) and for ``targets`` (N,) int64, ``size`` logits at once.

    They are computed again in the backward pass. ``reference`` are the inputs of θ₀'s head and what gives its logits.
    The head is asked as it is, an adapter on it too, and in the precision it would have; but what it trains gets its
    gradient added up over chunks in float32. torch's chunked ``linear_cross_entropy`` takes a bare matrix and returns
    bfloat16 where it is given that.
    """
    device = hidden.device.type
    half = hidden.dtype == torch.bfloat16 or torch.is_autocast_enabled(device)
    # Float32 to the outside and cast in each chunk: so each chunk's gradient is float32 before it is added.
    weights = {name: p.float() for name, p in head.named_parameters() if p.requires_grad and half}

    def values(hidden: Tensor, targets: Tensor, theirs: Tensor | None) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=half, cache_enabled=False):
            logits = functional_call(head, weights, (hidden,)).float()
        return function(logits, targets, None if theirs is None else reference[1](theirs))

    states = [None] * -(-len(targets) // size) if reference is None else reference[0].split(size)
    parts = zip(hidden.split(size), targets.split(size), states, strict=True)
    return torch.cat([checkpoint(values, *part, use_reentrant=False) for part in parts])
