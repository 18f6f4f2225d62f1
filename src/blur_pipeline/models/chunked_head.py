"""Log-probabilities from the input of a model's head, a few tokens at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint


def chunked_logprobs(head: nn.Module, hidden: Tensor, targets: Tensor, size: int) -> Tensor:
    """``(N,)`` float32 log-probability of ``targets`` (N,) int64 after ``hidden`` (N, H), ``size`` logits at once.

    They are computed again in the backward pass. The head is asked as it is, an adapter on it too, and in the
    precision it would have; but what it trains gets its gradient added up over chunks in float32. torch's chunked
    ``linear_cross_entropy`` takes a bare matrix and returns bfloat16 where it is given that.
    """
    device = hidden.device.type
    half = hidden.dtype == torch.bfloat16 or torch.is_autocast_enabled(device)
    # Float32 to the outside and cast in each chunk: so each chunk's gradient is float32 before it is added.
    weights = {name: p.float() for name, p in head.named_parameters() if p.requires_grad and half}

    def logprobs(hidden: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=half, cache_enabled=False):
            logits = functional_call(head, weights, (hidden,)).float()
        return -cross_entropy(logits, targets, reduction="none")

    pairs = zip(hidden.split(size), targets.split(size), strict=True)
    return torch.cat([checkpoint(logprobs, *pair, use_reentrant=False) for pair in pairs])
