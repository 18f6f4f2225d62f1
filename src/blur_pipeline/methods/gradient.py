"""How the gradient of a loss is taken at θ."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from blur_pipeline.methods.choice import Choice

if TYPE_CHECKING:
    from torch import Tensor


class Backprop(Choice):
    """The gradient at θ itself."""

    kind: Literal["backprop"] = "backprop"

    def __call__(self, accumulate: Callable[[], Tensor], parameters: list[Tensor]) -> Tensor:
        """Leave the gradient in ``parameter.grad`` and return the loss, a detached float32 scalar.

        ``accumulate`` runs all micro-batches of the step, forward and backward, adding to ``.grad``. An
        estimator that looks around θ (SAM, smoothing) calls it at perturbed ``parameters``.
        """
        return accumulate()


GradientEstimator = Backprop
