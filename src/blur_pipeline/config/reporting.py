"""Parameters ``reporting``: what the report shows."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from blur_pipeline.config.block import Block


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("give one line of printable characters")
    return text.strip()


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("give a date as 2026-11-03") from None


class Request(Block):
    """The request to forget, as it is on record elsewhere: it goes into the report and into MLflow."""

    id: Annotated[str, Field(max_length=64), AfterValidator(_printable)] | None = Field(
        None, description="its number where requests are kept; no name of a person"
    )
    received: Annotated[str, AfterValidator(_date)] | None = Field(
        None, description="the day it came in, as 2026-11-03"
    )
    basis: Annotated[str, Field(max_length=200), AfterValidator(_printable)] | None = Field(
        None, description="on what ground, such as GDPR 17(1)(b); no name of a person"
    )

    def told(self) -> str:
        """A sentence of what is given; "" where nothing is."""
        said = {"id": "{}", "received": "received {}", "basis": "basis: {}"}
        parts = [said[name].format(value) for name, value in self.model_dump(exclude_none=True).items()]
        if not parts:
            return ""
        return f"Request{',' if self.id is None and self.received is None else ''} {', '.join(parts)}."

    def tags(self) -> dict[str, str]:
        """``request.id`` …, of what is given."""
        return {f"request.{name}": value for name, value in self.model_dump(exclude_none=True).items()}


class Published(Block):
    """Numbers from the literature, shown beside ours and never mixed with them."""

    source: str = Field("", description="where the numbers stand")
    values: dict[str, dict[str, float]] = Field(default_factory=dict, description="row → metric → value")


class Reporting(Block):
    """What the report shows, and how the model is handed to MLflow."""

    published: Published = Published()
    request: Request = Request()

    examples: int = Field(
        0, ge=0, le=1000, description="forget questions shown with the answers before and after: personal data, if real"
    )
    limit: float = Field(
        0.2, gt=0, le=1, description="of the largest gap (comparison.distance) up to which a model counts as forgotten"
    )
    residual_limit: float | None = Field(
        0.2,
        ge=0,
        lt=1,
        description="of worst-case residual knowledge under attack (stress): a model above it counts as not "
        "forgotten where its whole interval lies above, and else as not decidable; null: attacks are told and decide "
        "nothing",
    )
    register_model: Literal["copy", "reference", "none"] = Field(
        "copy",
        description="in MLflow's registry the unlearned model with a copy of its weights, its address, or nothing",
    )
