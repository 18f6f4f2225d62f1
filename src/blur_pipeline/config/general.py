"""Parameters ``general``: general ability by lm-evaluation-harness."""

from __future__ import annotations

from pydantic import Field

from blur_pipeline.config.block import Block


class GeneralTask(Block):
    """A task of lm-evaluation-harness."""

    path: str | None = Field(None, description="local file or folder; without it the harness's data from the hub")
    limit: int | None = Field(None, gt=0, description="questions, of each subject for MMLU; default: all")
    few_shot: int | None = Field(None, ge=0, le=100, description="default: the task's own")


class General(Block):
    """General ability, for every model; no task, no measurement."""

    batch_size: int = Field(8, gt=0, le=2**16, description="questions at once")
    tasks: dict[str, GeneralTask] = Field(default_factory=dict, description="tasks by the harness's names")
