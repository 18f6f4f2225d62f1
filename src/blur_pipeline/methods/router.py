"""A loss on the router of a mixture of experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.choice import Loss, Outputs

if TYPE_CHECKING:
    from torch import Tensor


class RouterAnchor(Loss):
    """SEUF's anchor (arXiv 2411.18797, eq. 6): ‖g − onehot(e)‖², g the router's softmax over all experts of the layer.

    It keeps the forget set with the expert that unlearns it. g = (0.7, 0.2, 0.1) and e = 0 give 0.14. Mean over all
    positions that are not padding. ``mean_over_experts``: published code, a part in as many as there are experts.
    """

    kind: Literal["router_anchor"] = "router_anchor"
    layer: int | None = Field(None, ge=0, description="default: that of the expert which the scope seuf found")
    expert: int | None = Field(None, ge=0, description="e; default: likewise")
    mean_over_experts: bool = Field(False, description="divide by the number of experts, as the published code does")
    unit: ClassVar = "positions"

    @property
    def reads_layer(self) -> None:
        """The whole model, since the scope may choose any layer."""
        return None

    def told(self, found: Mapping[str, int]) -> Loss:
        """Where the expert is, unless that was given.

        Raises:
            BadInputError: nobody says where.
        """
        if None in (self.layer, self.expert) and not found:
            raise BadInputError("loss 'router_anchor' needs layer and expert, or the scope 'seuf' to find them")
        return self if None not in (self.layer, self.expert) else self.model_copy(update=dict(found))

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        import torch

        gates = model.router(self.layer).softmax(dim=-1)  # (P, E)
        aim = torch.zeros_like(gates)
        aim[:, self.expert] = 1
        square = (gates - aim).square()
        return (square.mean(dim=-1) if self.mean_over_experts else square.sum(dim=-1)).sum()
