"""Another answer preferred to the one that is to be forgotten: a refusal, or a plausible alternative."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Loss, Outputs

if TYPE_CHECKING:
    from torch import Tensor

Answer = Literal["refusal", "alternative"]


class _Preference(Loss):
    answer: Answer = Field("refusal", description="what is to be answered instead, y_w")
    beta: float = Field(0.1, gt=0, description="β, how soon a pair that is told apart stops being pushed")
    unit: ClassVar = "sequences"

    @property
    def companions(self) -> tuple[str, ...]:
        return (self.answer,)


class DPO(_Preference):
    """Direct preference optimisation (Rafailov et al., arXiv 2305.18290, eq. 7; as a way to forget: arXiv 2404.05868).

    −(2/β)·log σ(β·[log π/π₀(y_w|x) − log π/π₀(y|x)]), mean over sequences; the factor 2/β, in place of 1, makes it
    commensurate with NPO, which is what is left without y_w. At θ = θ₀ it is (2/β)·log 2, with the gradient of
    log π(y|x) − log π(y_w|x). β 1, log-ratios +1 and −1: 2·log(1 + e⁻²). ``answer: alternative`` is AltPO's forget
    loss (Mekala et al., arXiv 2409.13474).
    """

    kind: Literal["dpo"] = "dpo"
    needs: ClassVar = "reference_logprobs"

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        from torch.nn.functional import logsigmoid

        won, lost = (y.sequence_logprobs() - y.reference_logprobs() for y in (model.companion(self.answer), model))
        return (-2 / self.beta) * logsigmoid(self.beta * (won - lost)).sum()


class SimDPO(_Preference):
    """DPO in the way of SimNPO (Fan et al., arXiv 2410.07163), which is SimPO (Meng et al., arXiv 2405.14734, eq. 6).

    −(2/β)·log σ(β·[log π(y_w|x)/|y_w| − log π(y|x)/|y|] − δ): each answer by its own length, no θ₀. β 2, means −1
    and −3, δ 1: log(1 + e⁻³).
    """

    kind: Literal["simdpo"] = "simdpo"
    beta: float = Field(4.5, gt=0, description="β, how soon a pair that is told apart stops being pushed")
    delta: float = Field(0.0, ge=0, description="δ, the margin (SimPO's γ)")

    def __call__(self, model: Outputs, reference: Outputs | None) -> Tensor:
        from torch.nn.functional import logsigmoid

        won, lost = (
            y.sequence_logprobs() / y.supervised_tokens().clamp_min(1) for y in (model.companion(self.answer), model)
        )
        return (-2 / self.beta) * logsigmoid(self.beta * (won - lost) - self.delta).sum()
