"""By which kernels an engine computes: the same where it trains and where θ₀ is scored for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from blur_pipeline.models.heads import whole_heads
from blur_pipeline.models.memory import freed_memory_is_kept
from blur_pipeline.models.packed import packed_kernels
from blur_pipeline.models.tf32 import tf32
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.fused import in_one_pass


@contextmanager
def kernels(model: nn.Module, engine: Engine, device: torch.device) -> Iterator[None]:
    """While open: variable-length attention for packed rows in half precision, TF32 for what then stays float32; in
    float32 attention that torch has a fused kernel for; where layers are compiled, passes over the weights that are."""
    half = engine.precision != "fp32"
    with ExitStack() as opened:
        opened.enter_context(freed_memory_is_kept(device))
        opened.enter_context(whole_heads(device))
        if engine.compiled:
            opened.enter_context(in_one_pass())
        if half and engine.layout == "packed":
            opened.enter_context(packed_kernels(model, device))
        if half and device.type == "cuda":
            opened.enter_context(tf32())
        yield
