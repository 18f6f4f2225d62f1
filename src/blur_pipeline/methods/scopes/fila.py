"""Low-rank adapters that begin where the forget set matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.fisher import fisher
from blur_pipeline.methods.low_rank import leading
from blur_pipeline.methods.scopes.choice import Look, Opened
from blur_pipeline.methods.scopes.lora import Adapters

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Fila(Adapters):
    """LoKU's initialisation of LoRA by Fisher information (Cha et al., ICLR 2025, arXiv 2408.06621).

    With w_i = √Σ_j I_f/(I_r + ε) of row i of W, diag(w)·W ≈ USVᵀ of rank r and s = α/r: A = √(S/s)·Vᵀ, B =
    diag(1/(w + ε))·U·√(S/s), and W ← W − s·BA. So the model begins as θ₀ and trains what forgetting needs. W =
    diag(2, 1), r = 1, s = 1, I_f/I_r = 1 everywhere: w = (√2, √2), BA = diag(2, 0), and diag(0, 1) stays behind.
    """

    kind: Literal["fila"] = "fila"
    alpha: float = Field(16, gt=0, description="published: 2r")
    eps: float = Field(1e-5, gt=0, description="ε, below both ratios")
    singly: bool = Field(True, description="Fisher by single sequences as in the paper; published code: by batches")
    looks: ClassVar = True

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model wrapped by peft; with its adapters switched off it is not θ₀ but what stays behind.

        Raises:
            BadInputError: a weight is smaller than the rank, or no matrix of outputs by inputs.
        """
        import torch

        wrapped = self.wrap(model)
        layers = [m for m in wrapped.modules() if hasattr(m, "lora_A") and hasattr(m, "base_layer")]
        for layer in layers:
            if not isinstance(layer.base_layer, torch.nn.Linear) or min(layer.base_layer.weight.shape) < self.rank:
                raise BadInputError(f"scope 'fila' of rank {self.rank} does not fit {layer.base_layer}; give less.")
        weights = [layer.base_layer.weight for layer in layers]
        forget, retain = (fisher(look, name, weights, self.singly)[0] for name in ("forget", "retain"))
        with torch.no_grad():
            for layer, w, f, r in zip(layers, weights, forget, retain, strict=True):
                a, b = self.factors(w, (f / (r + self.eps)).sum(dim=1).sqrt())
                layer.lora_A["default"].weight.copy_(a)
                layer.lora_B["default"].weight.copy_(b)
                w.sub_(layer.get_delta_weight("default"))
        return Opened(wrapped)

    def factors(self, weight: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        """A (r, in) and B (out, r) of W (out, in) by the weights w of its rows."""
        u, s, v = leading(row[:, None] * weight, self.rank)
        root = (s * self.rank / self.alpha).sqrt()
        return (v * root).T, u * root / (row[:, None] + self.eps)
