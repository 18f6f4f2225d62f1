"""What all blocks of parameters have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Block(BaseModel):
    """A block of parameters; a misspelt key is an error, and so is a number that is infinite or none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def bare_off(value: Any) -> Any:
    """YAML reads a bare ``off`` as false."""
    return "off" if value is False else value


def switched(*kinds: type[BaseModel]) -> BeforeValidator:
    """Drop the fields of the other kinds.

    An environment that switches ``kind`` inherits the fields of the base environment's kind, since Kedro
    merges the two; they mean nothing for the new kind. A key that no kind knows is still an error.
    """
    fields = {kind.model_fields["kind"].default: set(kind.model_fields) for kind in kinds}
    known = set().union(*fields.values())

    def drop(value: Any) -> Any:
        if isinstance(value, dict) and "kind" in value and "off" in fields:
            value = {**value, "kind": bare_off(value["kind"])}
        if not isinstance(value, dict) or value.get("kind") not in fields:
            return value
        foreign = known - fields[value["kind"]]
        return {k: v for k, v in value.items() if k not in foreign}

    return BeforeValidator(drop)
