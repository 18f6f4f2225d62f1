"""A manifest beside every artefact: what it is, what went into it, who made it. Written last: with it, it is whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

NAME = "manifest.json"


class Parent(BaseModel):
    """An artefact that another one was made of; ``path`` counts from the project's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    identity: str
    content: str


class Made(BaseModel):
    """By what and when: the same for all artefacts of a node."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: str
    command: str
    again: str
    """The command that makes the artefact again, or shows that it is there."""
    mlflow_run: str | None
    tracking_uri: str | None
    started: str
    finished: str
    seconds: float
    facts: dict[str, str]


class Manifest(BaseModel):
    """``identity`` and ``made_of`` as in identities.py, ``content`` a SHA-256 of the bytes under ``path``.

    ``weights``, of a model, are the SHA-256 of its files of weights by their names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    stage: str
    name: str
    identity: str
    version: str
    path: str
    content: str
    weights: dict[str, str] = Field(default_factory=dict)
    bytes: int
    made_of: dict[str, Any]
    parents: dict[str, Parent]
    made: Made

    def write(self) -> None:
        """Beside the artefact, whole or not at all."""
        final = manifest_path(Path(self.path))
        partial = final.with_name(f".writing-{final.name}-{os.getpid()}")
        with partial.open("w") as file:
            file.write(self.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(final)


def manifest_path(artefact: Path) -> Path:
    """``…/VERSION/NAME`` has its manifest in ``…/VERSION``."""
    return artefact.parent / NAME


def read_manifest(artefact: Path) -> Manifest | None:
    """The manifest of an artefact; None where it was not made whole (or its manifest is unreadable)."""
    try:
        return Manifest.model_validate_json(manifest_path(artefact).read_text())
    except (OSError, ValidationError):
        return None


def newest_whole(unversioned: Path, identity: str | None = None) -> Manifest | None:
    """Of the versions ``unversioned/VERSION/NAME`` the newest that is whole and of this identity."""
    if not unversioned.is_dir():
        return None
    for folder in sorted((p for p in unversioned.iterdir() if p.is_dir()), reverse=True):
        artefact = folder / unversioned.name
        found = read_manifest(artefact)
        if found is not None and artefact.exists() and identity in (None, found.identity):
            return found
    return None
