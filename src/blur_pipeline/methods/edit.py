"""Edits in place of a training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blur_pipeline.methods.edits.given import GivenModel
from blur_pipeline.methods.edits.interpolation import Interpolation
from blur_pipeline.methods.edits.repselect import RepSelect
from blur_pipeline.methods.edits.ssd import SSD
from blur_pipeline.methods.edits.task_vector import TaskVector

EditChoice = Annotated[TaskVector | Interpolation | RepSelect | SSD | GivenModel, Field(discriminator="kind")]
