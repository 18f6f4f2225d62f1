"""From the forget gradient f and the retain gradient r to one direction w_f·f + w_r·r.

A rule sees only G = [[⟨f,f⟩, ⟨f,r⟩], [⟨f,r⟩, ⟨r,r⟩]], so it is pure, tiny and tested by algebra.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field

from blur_pipeline.methods.choice import Choice

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class Gram(NamedTuple):
    """Inner products over all ranks and all trainable parameters, float32 scalars on the model's device; over the
    parameters of each block, ``(blocks,)`` vectors, where a rule asks for blocks."""

    ff: Tensor
    fr: Tensor
    rr: Tensor


class Rule(Choice):
    """What the engine asks of a rule before it measures G; plain inner products over all weights by default."""

    def blocks_of(self, names: Sequence[str]) -> list[int] | None:
        """The block of each parameter, where each block gets weights of its own; None for one block."""
        return None

    def metric_of(self, optimizer: Optimizer, moved: Sequence[Tensor]) -> Iterator[Tensor] | None:
        """Positive numbers M, one tensor per parameter, for ⟨a,b⟩ = Σ a·b/M; None for M = 1."""
        return None

    @abstractmethod
    def __call__(self, gram: Gram) -> tuple[Tensor, Tensor]:
        """(w_f, w_r), float32 of the shape of G's entries; no host synchronisation."""


class Sum(Rule):
    """d = w_f·f + w_r·r, the plain weighted sum."""

    kind: Literal["sum"] = "sum"
    forget: float = Field(1.0, ge=0, description="w_f")
    retain: float = Field(1.0, ge=0, description="w_r")

    def __call__(self, gram: Gram) -> tuple[Tensor, Tensor]:
        """The two constants."""
        import torch

        return torch.full_like(gram.ff, self.forget), torch.full_like(gram.rr, self.retain)


class Bilevel(Rule):
    """BLUR (Reisizadeh et al., arXiv 2506.08164): the upper level moves among the lower level's solutions.

    ``lower="forget"``: d = r + ξ·f with ξ = γ − ⟨r,f⟩/‖f‖², hence ⟨d,f⟩ = γ·‖f‖²: always a descent direction
    of the forget loss. f = (1,0), r = (−3,2), γ = 1 gives ξ = 4 and d = (1,2). ξ may be negative.
    ``lower="retain"`` swaps the roles: d = f + ξ·r. A lower gradient of zero leaves d = the upper one.

    Three variations beyond the paper, each measured in docs/engine.md:
    ``metric="adam"`` takes the inner products in ⟨a,b⟩ = Σ a·b/(√v̂ + ε) with Adam's second moments v̂ before the
    step, so that not d but the preconditioned step along it descends the forget loss; ``per="module"`` gives each
    weight matrix a ξ of its own; ``floor="zero"`` is max(0, ξ), which never takes back a retain gradient that
    happens to forget.
    """

    kind: Literal["bilevel"] = "bilevel"
    gamma: float = Field(1.0, gt=0, description="γ, the pull of the lower level")
    lower: Literal["forget", "retain"] = "forget"
    metric: Literal["plain", "adam"] = "plain"
    per: Literal["model", "module"] = "model"
    floor: Literal["none", "zero"] = "none"

    def blocks_of(self, names: Sequence[str]) -> list[int] | None:
        """One block a module: the parameters whose names differ in the last part alone."""
        if self.per == "model":
            return None
        number: dict[str, int] = {}
        return [number.setdefault(name.rpartition(".")[0], len(number)) for name in names]

    def metric_of(self, optimizer: Optimizer, moved: Sequence[Tensor]) -> Iterator[Tensor] | None:
        """√v̂ + ε of Adam, a tensor at a time; None before its first step."""
        if self.metric == "plain" or not all("exp_avg_sq" in optimizer.state[p] for p in moved):
            return None
        return (_adam_metric(optimizer.param_groups[0], optimizer.state[p]) for p in moved)

    def __call__(self, gram: Gram) -> tuple[Tensor, Tensor]:
        """(ξ, 1), or (1, ξ) where the retain level is the lower one."""
        import torch

        one = torch.ones_like(gram.fr)
        if self.lower == "forget":
            return self._xi(gram.fr, gram.ff), one
        return one, self._xi(gram.fr, gram.rr)

    def _xi(self, inner: Tensor, lower_square: Tensor) -> Tensor:
        import torch

        tiny = torch.finfo(lower_square.dtype).tiny
        xi = self.gamma - inner / lower_square.clamp_min(tiny)
        if self.floor == "zero":
            xi = xi.clamp_min(0)
        return torch.where(lower_square > 0, xi, torch.zeros_like(xi))


def _adam_metric(group: dict, state: dict) -> Tensor:
    corrected = state["exp_avg_sq"] / (1 - group["betas"][1] ** state["step"])
    return corrected.sqrt_().add_(group["eps"])


Weighting = Annotated[Sum | Bilevel, Field(discriminator="kind")]
