"""The matrices of a decoder's layers: what attacks on weights change, embeddings and head apart."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from blur_pipeline.models.anatomy import decoder_layers


def matrices_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """By name each weight of the decoder's layers with two dimensions or more (experts may be fused in three)."""
    found = {}
    for depth, layer in enumerate(decoder_layers(model)):
        found |= {f"{depth}.{name}": weight for name, weight in layer.named_parameters() if weight.dim() >= 2}
    return found


def with_matrices(model: nn.Module, change: Callable[[Tensor], Tensor]) -> nn.Module:
    """A copy of the model, each of its matrices changed."""
    found = copy.deepcopy(model)
    with torch.no_grad():
        for weight in matrices_of(found).values():
            weight.copy_(change(weight))
    return found
