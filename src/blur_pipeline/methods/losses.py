"""All losses, by side; a new one is a line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blur_pipeline.methods.forget import NPO, RMU, GradientAscent, NPOLogits, SimNPO
from blur_pipeline.methods.retain import KL, NLL, ActivationMSE

ForgetLoss = Annotated[
    GradientAscent  # one a line, so that two branches may each add theirs
    | NPO
    | NPOLogits
    | SimNPO
    | RMU,
    Field(discriminator="kind"),
]
RetainLoss = Annotated[
    NLL  # likewise
    | KL
    | ActivationMSE,
    Field(discriminator="kind"),
]
