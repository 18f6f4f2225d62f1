"""What made an artefact, read off the manifests, and whether anything of it was changed by hand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blur_pipeline.lineage.content import Hasher, digest_of
from blur_pipeline.lineage.manifest import NAME, Manifest, Parent, manifest_path, read_manifest

VERSION = re.compile(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z")
"""A folder as Kedro names it: a version of the dataset whose folder it lies in."""
WITHOUT_STAGE = re.compile(r"(comparison|campaign-.+)-[0-9a-f]{8}")
"""Folders of what is drawn anew each time: nothing in them has a manifest."""


@dataclass(frozen=True)
class Link:
    """An artefact in a tree, ``depth`` steps above the one that was asked about.

    ``manifest`` is None where there is none that can be read, ``shown_before`` where its parents stand further up
    already.
    """

    name: str
    path: Path
    depth: int
    manifest: Manifest | None
    wanted: Parent | None = None
    shown_before: bool = False


def find_artefacts(place: Path) -> list[Path]:
    """The artefacts at ``place``: one, or the newest version of each below a folder; empty where there is none."""
    if manifest_path(place).is_file() and place.exists() and place.name == place.parent.parent.name:
        return [place]
    newest: dict[Path, Path] = {}
    for manifest in sorted(place.rglob(NAME)):
        artefact = manifest.parent / manifest.parent.parent.name
        if artefact.exists():
            newest[manifest.parent.parent] = artefact
    return list(newest.values())


def every_version(place: Path) -> list[Path]:
    """All versions of all artefacts at ``place``, also those of which the artefact or the manifest alone is left.

    What never has a manifest is left out: leaderboards and the tables of campaigns.
    """
    versioned = manifest_path(place).is_file() or VERSION.fullmatch(place.parent.name)
    if place.name == place.parent.parent.name and versioned:
        return [place]
    found = []
    for folder, below, files in os.walk(place):
        version = Path(folder)
        if NAME in files or VERSION.fullmatch(version.name):
            below.clear()  # a model's folder has none of ours in it
            artefact = version / version.parent.name
            if NAME in files or (artefact.exists() and not WITHOUT_STAGE.fullmatch(version.parent.parent.name)):
                found.append(artefact)
    return sorted(found)


def ancestry(artefact: Path, name: str, depth: int = 0, wanted: Parent | None = None) -> Iterator[Link]:
    """The artefact and all that it was made of, parents below their child; each artefact's parents are told once."""
    yield from _ancestry(artefact, name, depth, wanted, set())


def _ancestry(artefact: Path, name: str, depth: int, wanted: Parent | None, seen: set[Path]) -> Iterator[Link]:
    manifest = read_manifest(artefact)
    before = artefact in seen
    seen.add(artefact)
    yield Link(name, artefact, depth, manifest, wanted, before and bool(manifest and manifest.parents))
    if manifest is not None and not before:
        for parent_name, parent in manifest.parents.items():
            yield from _ancestry(Path(parent.path), parent_name, depth + 1, parent, seen)


def faults(links: list[Link], hasher: Hasher | None = None) -> list[str]:
    """What does not agree with the manifests, a sentence each: contents are hashed again."""
    hasher, said, content = hasher or Hasher(), {}, {}
    for link in links:
        here = link.path.exists()
        if link.manifest is None:
            if here or manifest_path(link.path).exists():
                said[link.path] = (
                    f"{link.path}: has no manifest, or its manifest cannot be read: a run has not finished it, or "
                    "somebody changed that. No run reads it and nothing vouches for it; if no run is at it, remove its "
                    "folder."
                )
            continue
        if here and link.path not in content:  # each artefact once, however many were made of it
            content[link.path] = hasher.artefact(link.path)
        if content.get(link.path, link.manifest.content) != link.manifest.content:
            said[link.path] = f"{link.path}: was changed after it was made; its content is not that of its manifest."
        elif digest_of(link.manifest.made_of) != link.manifest.identity:
            said[link.path] = f"{link.path}: its manifest was changed; what it says does not give its identity."
        elif link.wanted is not None and link.manifest.content != link.wanted.content:
            said[link.path] = f"{link.path}: is not what was read then; another version lies under its name."
    return list(said.values())


def gone(links: list[Link]) -> list[str]:
    """What was removed, a sentence each. That is no fault: what is deleted by hand is made again when asked for."""
    return [
        f"{path}: is gone; its manifest is still there."
        if manifest_path(path).exists()
        else f"{path}: is gone, and its manifest with it."
        for path in dict.fromkeys(link.path for link in links)
        if not path.exists()
    ]
