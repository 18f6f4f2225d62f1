"""The weights whose gradients of both sides are largest."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.mean_gradient import mean_gradient
from blur_pipeline.methods.scopes.choice import Look, Opened, ScopeChoice
from blur_pipeline.methods.scopes.shares import largest

if TYPE_CHECKING:
    from torch.nn import Module


class Wagle(ScopeChoice):
    """WAGLE (Jia et al., arXiv 2410.17509, eq. 7): the share of all weights with the largest S = |(θ₀ − R/μ)⊙F|.

    F and R are the gradients of the mean token NLL of the forget and of the retain set at θ₀, in eval mode. θ₀ = (1,
    1), F = (2, 1), R = (0, 3), μ = ½ give S = (2, 5); μ = 3 gives (2, 0). Published code adds up the means of its
    batches: at its μ that scales S and no more. The rest is masked and does not decay either.
    """

    kind: Literal["wagle"] = "wagle"
    keep: float = Field(0.95, gt=0, le=1, description="share of all weights that may move")
    mu: float = Field(1e-6, gt=0, description="μ, the Hessian's diagonal; as small as published, θ₀ does not count")
    looks: ClassVar = True
    rests: ClassVar = True

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """Every parameter trainable, with masks; all of them kept needs neither."""
        model.requires_grad_(True)
        if self.keep == 1:
            return Opened(model)
        named = dict(model.named_parameters())
        theta = list(named.values())
        forget, retain = (mean_gradient(look, name, theta) for name in ("forget", "retain"))
        for t, f, r in zip(theta, forget, retain, strict=True):
            f.mul_(t.detach() - r / self.mu).abs_()
        return Opened(model, dict(zip(named, largest(forget, self.keep), strict=True)))
