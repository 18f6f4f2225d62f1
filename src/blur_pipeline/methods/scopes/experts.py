"""The expert that a forget set goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.mixture import mixtures
from blur_pipeline.methods.scopes.choice import Look, Opened, ScopeChoice

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Experts(ScopeChoice):
    """SEUF (Zhuang et al., arXiv 2411.18797): of all layers the M experts with the most affinity to the forget set.

    Affinity: the router's score where an expert is among a token's chosen, else 0, mean over the tokens of a sequence
    (prompt included), then over sequences. Two sequences with (0.8, 0), (0.6, 0.4) for an expert: (0.4 + 0.5)/2 = 0.45.
    These experts' matrices and the routers of their layers train. The published code attributes nothing: it names them.
    """

    kind: Literal["seuf"] = "seuf"
    experts: int = Field(1, ge=1, description="M, how many experts are trained")
    named: list[tuple[int, int]] | None = Field(
        None, min_length=1, description="(layer, expert) instead; published code: 16, 20 of DeepSeek-V2-Lite"
    )
    looks: ClassVar = True
    rests: ClassVar = True

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The routers whole, and of the fused experts the slices chosen.

        Raises:
            BadInputError: the model is no mixture of experts, or has not these.
        """
        import torch

        blocks = mixtures(model)
        if not blocks:
            raise BadInputError("scope 'seuf' chooses among experts, but this model has none; give a mixture.")
        chosen = self.named or strongest(affinity(model, look), self.experts)
        model.requires_grad_(False)
        masks: dict[str, Tensor] = {}
        for layer, expert in chosen:
            if layer not in blocks or not 0 <= expert < len(blocks[layer][1].gate.weight):
                raise BadInputError(f"scope.named: this model has no expert {expert} in layer {layer}.")
            name, block = blocks[layer]
            block.gate.weight.requires_grad_(True)
            for part, weight in block.experts.named_parameters():
                weight.requires_grad_(True)
                mask = masks.setdefault(f"{name}.experts.{part}", torch.zeros_like(weight, dtype=torch.bool))
                mask[expert] = True
        layer, expert = chosen[0]
        return Opened(model, masks, found={"layer": layer, "expert": expert})


def strongest(affinity: dict[int, Tensor], count: int) -> list[tuple[int, int]]:
    """(layer, expert) of the largest, those first."""
    found = [(-score, layer, expert) for layer, row in affinity.items() for expert, score in enumerate(row.tolist())]
    return [(layer, expert) for _, layer, expert in sorted(found)[:count]]


def affinity(model: Module, look: Look) -> dict[int, Tensor]:
    """``(experts,)`` of each layer that has any."""
    import torch

    blocks, sequences = mixtures(model), 0
    total = {layer: torch.zeros(len(block.gate.weight)) for layer, (_, block) in blocks.items()}

    def seen(layer: int, output: tuple[Tensor, Tensor, Tensor]) -> None:
        _, scores, which = output
        row = torch.zeros(len(total[layer]), device=scores.device)
        total[layer] += row.index_add(0, which.flatten(), scores.flatten().float()).cpu() / len(scores)

    handles = [
        block.gate.register_forward_hook(lambda _m, _i, output, layer=layer: seen(layer, output))
        for layer, (_, block) in blocks.items()
    ]
    try:
        with torch.no_grad():
            for outputs in look.passes("forget", singly=True):  # alone, so that nothing is padded
                outputs.token_logprobs()
                sequences += 1
    finally:
        for handle in handles:
            handle.remove()
    return {layer: row / max(sequences, 1) for layer, row in total.items()}
