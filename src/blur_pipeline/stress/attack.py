"""Every attack."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blur_pipeline.stress.damage import Noise, Prune
from blur_pipeline.stress.depth import Depth
from blur_pipeline.stress.direction import Direction
from blur_pipeline.stress.gcg import Gcg
from blur_pipeline.stress.lens import Lens
from blur_pipeline.stress.prompting import Prompts
from blur_pipeline.stress.rounding import Quantise
from blur_pipeline.stress.sampling import Sampling
from blur_pipeline.stress.towards_base import Merge, Surgery
from blur_pipeline.stress.training import Benign, Relearn, UniversalPrompt

Training = Relearn | Benign | UniversalPrompt
Weights = Quantise | Prune | Noise | Merge | Surgery | Direction
Inside = Lens | Depth
Asking = Prompts | Gcg | Sampling
AttackChoice = Annotated[Training | Weights | Inside | Asking, Field(discriminator="kind")]
