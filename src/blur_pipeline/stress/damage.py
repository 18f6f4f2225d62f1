"""Attacks that damage weights a little: what was laid over the knowledge may break before the knowledge does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from blur_pipeline.stress.choice import Access, Ask, Attack, Given

if TYPE_CHECKING:
    from torch import Generator, Tensor

Shares = Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)]
Scales = Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], Field(min_length=1)]


class Prune(Attack):
    """The smallest weights of every matrix of the decoder are set to 0, as a deployment may (Han et al., 2015).

    Tried on unlearned models by Che et al., arXiv 2502.05209.
    """

    kind: Literal["prune"] = "prune"
    access: ClassVar[Access] = "weights"
    unit: ClassVar = "of the weights"
    drawn: ClassVar = False

    shares: Shares = Field((0.1, 0.3, 0.5), description="of each matrix's weights that are set to 0")

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks once a share."""
        from blur_pipeline.stress.matrices import with_matrices

        for share in self.shares:
            ask(with_matrices(given.model, lambda w, s=share: pruned(w, s)), given.forget, budget=share)


class Noise(Attack):
    """W + s·std(W)·N(0, 1) in every matrix W of the decoder."""

    kind: Literal["noise"] = "noise"
    access: ClassVar[Access] = "weights"
    unit: ClassVar = "deviations"

    scales: Scales = Field((0.05, 0.1, 0.2), description="s, the noise in standard deviations of a matrix")

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks once a scale; the noise of all scales is the same but for its size."""
        from blur_pipeline.stress.matrices import with_matrices

        for scale in self.scales:
            draw = _generator(given.seed)
            ask(with_matrices(given.model, lambda w, s=scale, d=draw: noisy(w, s, d)), given.forget, budget=scale)


def pruned(weight: Tensor, share: float) -> Tensor:
    """Half of ``[[3, -1], [0.5, 2]]`` is ``[[3, 0], [0, 2]]``; a share of a weight is none."""
    count = int(share * weight.numel())
    smallest = weight.abs().flatten().argsort(stable=True)[:count]
    return weight.flatten().index_fill(0, smallest, 0).view_as(weight)


def noisy(weight: Tensor, scale: float, draw: Generator) -> Tensor:
    """Drawn on the CPU, so that a GPU sees the same."""
    import torch

    noise = torch.randn(weight.shape, generator=draw)
    return weight + scale * weight.float().std() * noise.to(weight.device)


def _generator(seed: int) -> Generator:
    import torch

    return torch.Generator().manual_seed(seed)
