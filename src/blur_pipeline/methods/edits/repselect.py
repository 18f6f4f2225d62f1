"""One gradient, without the directions that the model needs for everything."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.edits.choice import Edit, Given
from blur_pipeline.methods.low_rank import leading
from blur_pipeline.methods.mean_gradient import mean_gradient
from blur_pipeline.methods.optimizer import SGD, OptimizerChoice
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scopes.lora import Lora

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class RepSelect(Edit):
    """RepSelect (arXiv 2606.17168): W ← W − n·η·G̃ on the matrices of the MLPs; the retain set is not needed.

    LoRA learns the forget set; with it in place G = ∇_W(−ℓ̄_f); LoRA is dropped. Of G's leading singular values S each
    direction is damped by S/min S, once on either side. Published code adds up G over batches: its η is ours over their
    number. G = diag(4, 2, 1) with two components: S/min S = (2, 1), G̃ = diag(1, 2, 1).
    """

    kind: Literal["repselect"] = "repselect"
    eta: float = Field(0.05, gt=0, description="η, of the gradient of the mean token NLL")
    updates: int = Field(1, ge=1, description="n, published: one an epoch, until a bound on the retain set's KL")
    components: int = Field(512, ge=1, description="leading singular values of G that are damped; the rest stays")
    damping: Literal["soft", "quadratic", "hard"] = Field("soft", description="by S̃, by S̃², or to nothing")
    modules: list[str] = Field(
        ["gate_proj", "up_proj", "down_proj"], min_length=1, description="names of the matrices that are edited"
    )
    rank: int = Field(8, ge=1, description="the rank of LoRA")
    alpha: float = Field(8, gt=0, description="α of LoRA")
    optimizer: OptimizerChoice = Field(SGD(lr=0.01), description="LoRA's optimizer")

    def training(self) -> Recipe:
        """LoRA's, by NLL."""
        scope = Lora(rank=self.rank, alpha=self.alpha, target_modules=self.modules)
        return Recipe(scope=scope, optimizer=self.optimizer)

    def __call__(self, model: Module, given: Given) -> Iterator[tuple[str, Tensor]]:
        """The matrices. With LoRA merged, the gradient of W + BA is what that of W was with LoRA beside it."""
        learned = dict(given.trained.named_parameters())
        names = [n for n in learned if any(fnmatchcase(n, f"*.{part}.weight") for part in self.modules)]
        if not names:
            raise BadInputError(f"edit.modules: this model has none of {', '.join(self.modules)}.")
        look = given.look(given.trained)
        gradient = mean_gradient(look, "forget", [learned[name] for name in names])
        for name, part in zip(names, gradient, strict=True):
            theta = model.get_parameter(name)
            yield name, theta - self.updates * self.eta * damped(-part, self.components, self.damping).to(theta.device)


def damped(gradient: Tensor, components: int, how: str) -> Tensor:
    """G̃. Singular values that are zero but for rounding damp nothing and count for no minimum."""
    u, s, v = leading(gradient, components)
    there = int((s > 1e-6 * s[0]).sum())
    u, s, v = u[:, :there], s[:there], v[:, :there]
    ratio = s[-1:] / s if there else s
    lost = 1 - {"soft": ratio, "quadratic": ratio**2, "hard": 0 * ratio}[how]
    inputs = gradient - (gradient @ v * lost) @ v.T
    return inputs - u @ (lost[:, None] * (u.T @ inputs))
