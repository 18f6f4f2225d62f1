"""How a training is computed: nothing here changes what a step means, only how fast it is and what survives."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from blur_pipeline.config.block import Block
from blur_pipeline.models.examples import Layout

Precision = Literal["fp32", "bf16_autocast", "bf16"]


class Engine(Block):
    """Precision, memory, processes and checkpoints of every training of a run.

    ``bf16`` computes in bfloat16 throughout (weights, activations, gradients) while the optimizer moves float32
    master weights: at unlearning's learning rates most updates are smaller than bfloat16 can add to a weight.
    """

    precision: Precision = Field(
        "fp32",
        description="bf16_autocast: bfloat16 where autocast takes it; bf16: throughout, with float32 masters",
    )
    micro_batch_size: int | None = Field(None, gt=0, description="sequences in memory at once; default: all of a step")
    micro_batch_tokens: int | None = Field(
        None, gt=0, description="tokens, padding among them, in memory at once; instead of micro_batch_size"
    )
    layout: Layout = Field("right", description="side of the padding, or packed: one row without any")
    gradient_checkpointing: bool = Field(
        False, description="compute activations again in the backward pass, to save their memory"
    )
    compiled: bool = Field(
        False, description="torch.compile of each decoder layer; on a GPU of the passes over the weights too"
    )
    gradient_buffer: Literal["full", "bf16", "host"] = Field(
        "full", description="how the forget gradient waits: as it is, rounded, or in the host's memory"
    )
    logits_chunk: int | None = Field(None, gt=0, description="supervised tokens whose logits exist at once")

    processes: int = Field(1, ge=1, le=256, description="workers on each machine")
    sharding: Literal["ddp", "fsdp"] = Field("ddp", description="replicas, or FSDP2 shards of everything")
    nodes: int = Field(1, ge=1, le=4096, description="machines; the others run the command that this one prints")
    rendezvous: str | None = Field(None, pattern=r"^[^:\s]+:\d+$", description="host:port of the first machine")
    restarts: int = Field(2, ge=0, le=1000, description="how often workers start again after one of them died")

    checkpoint_every: int = Field(50, gt=0, description="steps between checkpoints")
    checkpoints_kept: int = Field(
        2,
        ge=1,
        le=1000,
        description="how many stay, the newest ones: more than one for the day the newest proves damaged",
    )
    resume: Literal["auto", "never"] = Field(
        "auto", description="go on from the checkpoint of the same training, or never"
    )

    @model_validator(mode="after")
    def _fits(self) -> Engine:
        if self.micro_batch_size and self.micro_batch_tokens:
            raise ValueError("micro_batch_size and micro_batch_tokens cut the same batch; leave one of them out")
        if self.nodes > 1 and self.rendezvous is None:
            raise ValueError("several nodes need training.rendezvous, the host:port of the first one")
        if self.sharding == "fsdp" and not self.distributed:
            raise ValueError("sharding 'fsdp' needs training.processes or training.nodes above 1")
        if self.sharding == "fsdp" and self.logits_chunk:
            raise ValueError("logits_chunk reads the whole output matrix, which 'fsdp' shards; leave one of them out")
        return self

    @property
    def distributed(self) -> bool:
        """Whether workers are launched."""
        return self.processes > 1 or self.nodes > 1

    def numerics(self) -> dict[str, object]:
        """What decides the last digits of a result; the rest may change between a run and its resumption.

        A gradient that waits on the host comes back as it went.
        """
        buffer = "bf16" if self.gradient_buffer == "bf16" else "full"
        return {"precision": self.precision, "gradient_buffer": buffer}
