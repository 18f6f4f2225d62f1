"""All losses, by side; a new one is a line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blur_pipeline.methods.companions import CompanionLoss
from blur_pipeline.methods.distillation import CEU, UNDIAL, Entropy, UGradSL
from blur_pipeline.methods.forget import NPO, RMU, GradientAscent, NPOLogits, SimNPO
from blur_pipeline.methods.invariance import Invariance
from blur_pipeline.methods.levels import LevelHinge, LevelSquare
from blur_pipeline.methods.margins import InvertedHinge, LogitMargin
from blur_pipeline.methods.representation import ActivationNorm, AdaptiveRMU, RepresentationRerouting
from blur_pipeline.methods.retain import JS, KL, NLL, ActivationMSE
from blur_pipeline.methods.router import RouterAnchor
from blur_pipeline.methods.sparsity import L1
from blur_pipeline.methods.unlikelihood import Unlikelihood
from blur_pipeline.methods.weighted_likelihood import TNPO, WGA, SatImp

ForgetLoss = Annotated[
    GradientAscent  # one a line, so that two branches may each add theirs
    | NPO
    | NPOLogits
    | SimNPO
    | RMU
    | WGA
    | TNPO
    | SatImp
    | CEU
    | UNDIAL
    | InvertedHinge
    | LogitMargin
    | Entropy
    | UGradSL
    | CompanionLoss
    | RouterAnchor
    | AdaptiveRMU
    | RepresentationRerouting
    | LevelHinge
    | LevelSquare
    | Unlikelihood,
    Field(discriminator="kind"),
]
RetainLoss = Annotated[
    NLL  # likewise
    | KL
    | JS
    | ActivationMSE
    | ActivationNorm
    | L1
    | Invariance,
    Field(discriminator="kind"),
]
