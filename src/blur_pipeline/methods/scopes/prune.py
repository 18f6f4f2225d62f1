"""Fewer weights first, then unlearning."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.scopes.choice import Look, Opened, ScopeChoice
from blur_pipeline.methods.scopes.plain import IN_LAYER
from blur_pipeline.methods.scopes.shares import largest

if TYPE_CHECKING:
    from torch.nn import Module


class Prune(ScopeChoice):
    """Prune first, then unlearn (Jia et al., arXiv 2304.04934, one-shot magnitude pruning).

    The ``share`` of the weights in the matrices of the decoder layers that is smallest in magnitude, over all of
    them, becomes zero and stays zero: (3, −1, 2, −4) with ½ leaves (3, 0, 0, −4). Embeddings, head, norms and biases
    stay whole, and all that is not zero trains. θ₀, where a loss asks for it, is the model before it was pruned.
    """

    kind: Literal["prune"] = "prune"
    share: float = Field(0.5, ge=0, lt=1, description="share of those weights that become zero")
    looks: ClassVar = True
    rests: ClassVar = True

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """Every parameter trainable, but for the smallest elements of the matrices."""
        model.requires_grad_(True)
        matrices = {n: p.detach() for n, p in model.named_parameters() if IN_LAYER.search(n) and p.ndim > 1}
        kept = largest([m.abs() for m in matrices.values()], 1 - self.share)
        return Opened(model, dict(zip(matrices, kept, strict=True)), emptied=True)
