"""Losses of hidden states against those of the target model.

h(x) is the output of a decoder layer at a position that is not padding, h₀ the target model's.
"""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Look, Loss, Outputs
from blur_pipeline.methods.forget import directions
from blur_pipeline.methods.positions import AtPositions

if TYPE_CHECKING:
    from torch import Tensor

Layers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class AdaptiveRMU(AtPositions):
    """Adaptive RMU (Dang et al., arXiv 2408.06223): MSE(h(x), β·‖h₀(x)‖·u), so that the aim suits any layer.

    u as in RMU. ‖h₀‖ = 2 and β = 5 steer to 10·u. ``coefficient: topic`` is the authors' code: one number per topic,
    β times the mean ‖h₀‖; they take it from a topic's first batch, here it is from all of its rows.
    """

    kind: Literal["adaptive_rmu"] = "adaptive_rmu"
    layer: int = Field(7, ge=0, description="L, the decoder layer whose output is read, from 0")
    scale: float = Field(5.0, gt=0, description="β, how many lengths of h₀ away to steer")
    coefficient: Literal["position", "topic"] = Field(
        "position", description="β·‖h₀‖ of each position, or one number per topic"
    )
    measured: dict[int, float] | None = Field(None, description="the mean ‖h₀‖ by topic; default: measured first")
    direction_seed: int = Field(0, ge=0, lt=2**32, description="what u is drawn from")
    needs: ClassVar = "reference_model"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        import torch

        hidden = model.hidden(self.layer).float()  # (P, H)
        if self.coefficient == "position":
            length = reference.hidden(self.layer).float().norm(dim=-1, keepdim=True)
        else:
            topics, where = model.topics()
            length = torch.stack([torch.full_like(hidden[:1, 0], self.measured[topic]) for topic in topics])[where]
        aim = self.scale * length * directions(model, self.direction_seed, hidden)
        return self.asked(model, hidden - aim).square().mean(dim=-1).sum()

    def looked(self, look: Look) -> AdaptiveRMU:
        """With the mean length of each topic's hidden states."""
        if self.coefficient == "position" or self.measured is not None:
            return self
        found: dict[int, list[float]] = {}
        for outputs in look.passes(self.on or "forget"):
            topics, where = outputs.topics()
            lengths = outputs.hidden(self.layer).float().norm(dim=-1).tolist()
            for place, length in zip(where.tolist(), lengths, strict=True):
                found.setdefault(topics[place], []).append(length)
        means = {topic: sum(lengths) / len(lengths) for topic, lengths in found.items()}
        return self.model_copy(update={"measured": means})


class _OfLayers(Loss, ABC):
    """Compares the outputs of several decoder layers with those of θ₀."""

    layers: Layers
    unit: ClassVar = "positions"
    needs: ClassVar = "reference_model"

    @property
    def reads_layer(self) -> int:
        """The deepest one."""
        return max(self.layers)


class RepresentationRerouting(_OfLayers):
    """Circuit breakers (RR, Zou et al., arXiv 2406.04313): mean of max(0, cos(h, h₀)) over layers and positions.

    The paper's coefficient α·(1 − t/2T) is ``weight`` = α and ``fades``. h = (1, 1), h₀ = (1, 0) give 1/√2; an angle
    of 90° or more gives 0. At θ₀ the cosine is at its top: its gradient there is zero but for rounding. The published
    targets 10 and 20 count the embeddings as 0.
    """

    kind: Literal["rr"] = "rr"
    layers: Layers = Field((9, 19), description="the decoder layers whose outputs are rerouted, from 0")
    fades: bool = Field(True, description="(1 − t/2T): step t of T")

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        from torch.nn.functional import cosine_similarity

        ours, theirs = (outputs.hidden_at(self.layers).float() for outputs in (model, reference))  # (L, P, H)
        step, steps, _ = model.moment()
        kept = cosine_similarity(ours, theirs, dim=-1).clamp_min(0).mean(dim=0).sum()
        return (1 - step / (2 * steps) if self.fades else 1.0) * kept


class ActivationNorm(_OfLayers):
    """The partner of RR: mean of ‖h − h₀‖₂ over layers and positions; the paper's α·t/2T is ``weight`` and ``grows``.

    h − h₀ = (3, 4) gives 5. As published over all layers; the embeddings, which adapters never move, are left out.
    """

    kind: Literal["activation_norm"] = "activation_norm"
    layers: Layers = Field(description="the decoder layers whose outputs are kept, from 0")
    grows: bool = Field(False, description="t/2T: step t of T")

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        gap = model.hidden_at(self.layers).float() - reference.hidden_at(self.layers).float()  # (L, P, H)
        step, steps, _ = model.moment()
        return (step / (2 * steps) if self.grows else 1.0) * gap.norm(dim=-1).mean(dim=0).sum()
