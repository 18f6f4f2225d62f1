"""A penalty on what further training could still gain on a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from blur_pipeline.methods.choice import ForeseeingLoss, Outputs

if TYPE_CHECKING:
    from torch import Tensor


class Invariance(ForeseeingLoss):
    """ILU's penalty ‖∇_{w|w=1} ℓ(w·z)‖² (arXiv 2506.01339; IRMv1, Arjovsky et al., arXiv 1907.02893), w on the logits.

    ℓ is the mean token NLL of the step, so that the slope is the mean of s = Σ_v p_v·z_v − z_y, and the penalty its
    square: one token of logits (0, log 3) and label 0 has s = ¾·log 3. The mean comes before the square; it is
    taken in a pass of its own, and 2·s̄·s − s̄² has then the penalty's value and gradient whatever the micro-batches.
    λ is its ``weight``, a set other than the retain set its ``on``. (No code is published; w is where IRM has it.)
    """

    kind: Literal["invariance"] = "invariance"
    unit: ClassVar = "tokens"

    def beforehand(self, model: Outputs) -> Tensor:
        """Σ s of the micro-batch, of which the engine takes the mean over the step."""
        return model.per_token(_slope).sum()

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        mean = model.known(self)
        return (2 * mean * model.per_token(_slope) - mean.square()).sum()


def _slope(logits: Tensor, targets: Tensor, reference: Tensor | None) -> Tensor:
    """(n,) ∂/∂w of the NLL of logits w·z, at w = 1."""
    expected = (logits.softmax(dim=-1) * logits).sum(dim=-1)
    return expected - logits.gather(-1, targets[:, None]).squeeze(-1)
