"""The matrices of a decoder's layers: what attacks on weights change, embeddings and head apart."""

from __future__ import annotations

from torch import nn

from blur_pipeline.models.anatomy import decoder_layers


def matrices_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """By name each weight of the decoder's layers with two dimensions or more (experts may be fused in three)."""
    found = {}
    for depth, layer in enumerate(decoder_layers(model)):
        found |= {f"{depth}.{name}": weight for name, weight in layer.named_parameters() if weight.dim() >= 2}
    return found
