"""Every attack."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blur_pipeline.stress.prompting import Prompts
from blur_pipeline.stress.rounding import Quantise
from blur_pipeline.stress.training import Benign, Relearn, UniversalPrompt

AttackChoice = Annotated[Relearn | Benign | UniversalPrompt | Prompts | Quantise, Field(discriminator="kind")]
