"""Which weights may move."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blur_pipeline.methods.scopes.experts import Experts
from blur_pipeline.methods.scopes.fila import Fila
from blur_pipeline.methods.scopes.input_vector import InputVector
from blur_pipeline.methods.scopes.lora import Lora
from blur_pipeline.methods.scopes.plain import AllWeights, Layers, Modules
from blur_pipeline.methods.scopes.prune import Prune
from blur_pipeline.methods.scopes.wagle import Wagle

Scope = Annotated[
    AllWeights | Modules | Layers | Lora | Fila | Wagle | Prune | Experts | InputVector, Field(discriminator="kind")
]
