"""The losses lowered on the forget set.

ℓ(x) is the summed negative log-likelihood of the supervised tokens of x, n(x) their number, θ₀ the target
model. Every call returns a sum; ``unit`` says what the engine divides it by.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Loss, Outputs
from blur_pipeline.methods.positions import AtPositions

if TYPE_CHECKING:
    from torch import Tensor, device


class GradientAscent(Loss):
    """Minus the mean token NLL (Jang et al., arXiv 2210.01504): two tokens of probability ½ give log ½."""

    kind: Literal["ga"] = "ga"
    unit: ClassVar = "tokens"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        return model.token_logprobs().sum()


class NPO(Loss):
    """Negative preference optimisation (Zhang et al., arXiv 2404.05868, eq. 3).

    Mean over sequences of −(2/β)·log σ(−β·(log π_θ(y|x) − log π_θ₀(y|x))). At θ = θ₀ it is (2/β)·log 2 and its
    gradient is that of log π_θ; β → 0 gives gradient ascent on summed log-probabilities.
    The log-sigmoid is taken per sequence, before the mean.
    """

    kind: Literal["npo"] = "npo"
    beta: float = Field(0.1, gt=0, description="β, how soon a forgotten sequence stops being pushed")
    unit: ClassVar = "sequences"
    needs: ClassVar = "reference_logprobs"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        from torch.nn.functional import logsigmoid

        log_ratio = model.sequence_logprobs() - model.reference_logprobs()  # (B,)
        return (-2 / self.beta) * logsigmoid(-self.beta * log_ratio).sum()


class NPOLogits(Loss):
    """The variant of the published MUSE rows: −(2/β)·mean of log σ(β·(z_θ₀ − z)) over raw logits.

    Kept to reproduce those rows and under its own name, since logits are no log-probabilities.
    """

    kind: Literal["npo_logits"] = "npo_logits"
    beta: float = Field(0.1, gt=0, description="β, how soon a forgotten sequence stops being pushed")
    unit: ClassVar = "positions"
    needs: ClassVar = "reference_model"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        from torch.nn.functional import logsigmoid

        gap = reference.position_logits() - model.position_logits()  # (P, V)
        return (-2 / self.beta) * logsigmoid(self.beta * gap).mean(dim=-1).sum()


class SimNPO(Loss):
    """SimNPO (Fan et al., arXiv 2410.07163): −(2/β)·log σ(β·ℓ/n − δ), length-normalised, no reference."""

    kind: Literal["simnpo"] = "simnpo"
    beta: float = Field(4.5, gt=0, description="β, how soon a forgotten sequence stops being pushed")
    delta: float = Field(0.0, ge=0, description="δ, the margin (the paper's γ)")
    unit: ClassVar = "sequences"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        from torch.nn.functional import logsigmoid

        mean_nll = -model.sequence_logprobs() / model.supervised_tokens().clamp_min(1)  # (B,)
        return (-2 / self.beta) * logsigmoid(self.beta * mean_nll - self.delta).sum()


class RMU(AtPositions):
    """Representation misdirection (Li et al., arXiv 2403.03218): MSE(h_L(x), c·u), padding excluded.

    u is uniform in [0, 1) and scaled to length 1, one per topic, drawn from ``direction_seed`` and the topic.
    """

    kind: Literal["rmu"] = "rmu"
    layer: int = Field(7, ge=0, description="L, the decoder layer whose output is read, from 0")
    steering: float = Field(6.5, gt=0, description="c, the steering coefficient")
    direction_seed: int = Field(0, ge=0, lt=2**32, description="what u is drawn from")

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        hidden = model.hidden(self.layer).float()  # (P, H); bfloat16 would round the aim and what is left to it
        aim = self.steering * directions(model, self.direction_seed, hidden)
        return self.asked(model, hidden - aim).square().mean(dim=-1).sum()

    def direction(self, topic: int, width: int) -> Tensor:
        """``(width,)`` float32 on the CPU, of length 1, the same on every device and rank."""
        import torch

        return _direction(_seed(self.direction_seed, topic), width, torch.device("cpu"))


def directions(model: Outputs, seed: int, hidden: Tensor) -> Tensor:
    """``(P, H)`` float32: RMU's u at each position of ``hidden``, that of its topic."""
    import torch

    topics, where = model.topics()
    return torch.stack([_direction(_seed(seed, t), hidden.shape[-1], hidden.device) for t in topics])[where]


def _seed(seed: int, topic: int) -> int:
    return seed * 1_000_003 + topic


@lru_cache(maxsize=64)
def _direction(seed: int, width: int, device: device) -> Tensor:
    """Drawn on the CPU and kept where it is used: bringing it there anew each time would make the host wait."""
    import torch

    direction = torch.rand(width, generator=torch.Generator().manual_seed(seed))
    direction = direction / direction.norm()
    if device.type == "cuda":
        direction = direction.pin_memory()
    return direction.to(device, non_blocking=True)
