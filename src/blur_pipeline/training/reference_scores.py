"""log π_θ₀(y|x) of each sequence, scored once before training by the passes that training makes."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from blur_pipeline.models.examples import Examples, length_buckets
from blur_pipeline.models.forward import Forward
from blur_pipeline.models.progress import ProgressBar
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.kernels import kernels
from blur_pipeline.training.objective import autocast
from blur_pipeline.training.weights import Rounded

TOKENS_PER_BATCH = 2048
"""A constant, since it decides the last digits of a training."""


@torch.no_grad()
def score_sequences(
    model: nn.Module, examples: Examples, engine: Engine, device: torch.device, title: str
) -> np.ndarray:
    """``(n,)`` float32, nats, in the precision and by the kernels of the engine, so that the log-ratio at θ₀ is zero,
    but for what other batches round otherwise.

    The model, float32, is left as it came, under ``bf16`` on the CPU.
    """
    model.eval()
    rounded = Rounded(list(model.parameters())) if engine.precision == "bf16" else None
    model.to(device)
    found = np.empty(len(examples), np.float32)
    with kernels(model, engine, device), ProgressBar(title, len(examples), start=0) as bar:
        done = 0
        for rows in length_buckets(examples, TOKENS_PER_BATCH):
            batch = examples.batch(rows, layout=engine.layout).to(device)
            with autocast(engine.precision, device):
                found[rows] = Forward(model, batch).sequence_logprobs().cpu()
            done += len(rows)
            bar({"step": done - 1})
    if rounded:
        model.cpu()
        rounded.restore()
    return found
