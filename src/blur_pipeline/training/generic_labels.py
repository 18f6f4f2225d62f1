"""Labels for Who's Harry Potter: what θ₀ would say without what a reinforced model says more of."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from blur_pipeline.models.examples import IGNORED, Examples, length_buckets
from blur_pipeline.models.forward import Forward

TOKENS_PER_BATCH = 2048


@torch.no_grad()
def generic_labels(
    model: nn.Module, reinforced: nn.Module, examples: Examples, alpha: float, device: torch.device
) -> list[np.ndarray]:
    """Of each sequence a label in place of each supervised one: argmax of z₀ − α·ReLU(z_reinforced − z₀), float32."""
    found = [np.full_like(labels, IGNORED) for labels in examples.labels]
    for part in (model, reinforced):
        part.to(device).eval()
    for rows in length_buckets(examples, TOKENS_PER_BATCH):
        batch = examples.batch(rows).to(device)
        base, more = (Forward(part, batch).supervised_logits() for part in (model, reinforced))
        chosen = (base - alpha * (more - base).relu()).argmax(dim=-1).cpu().numpy()
        owner = batch.sequence.cpu().numpy()
        for s, i in enumerate(rows):
            places = 1 + np.flatnonzero(examples.labels[i][1:] != IGNORED)
            found[i][places] = chosen[owner == s]
    return found
