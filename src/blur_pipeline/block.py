"""What all blocks of parameters have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Block(BaseModel):
    """A block of parameters; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __str__(self) -> str:
        """A digest: what MLflow shows for the whole block, beside its fields one by one; equal if they are."""
        import hashlib

        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]
