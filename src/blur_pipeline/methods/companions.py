"""The forget losses that look at another answer to the same question."""

from blur_pipeline.methods.flat import FLAT
from blur_pipeline.methods.generic import WHP
from blur_pipeline.methods.preference import DPO, SimDPO
from blur_pipeline.methods.refusal import IDK, JensUn

CompanionLoss = DPO | SimDPO | IDK | FLAT | WHP | JensUn
