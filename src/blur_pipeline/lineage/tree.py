"""What made an artefact, read off the manifests, and whether anything of it was changed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blur_pipeline.lineage.content import Hasher
from blur_pipeline.lineage.manifest import NAME, Manifest, Parent, read_manifest


@dataclass(frozen=True)
class Link:
    """An artefact in a tree, ``depth`` steps above the one that was asked about.

    ``manifest`` is None where the artefact is gone, ``shown_before`` where its parents stand further up already.
    """

    name: str
    path: Path
    depth: int
    manifest: Manifest | None
    wanted: Parent | None = None
    shown_before: bool = False


def find_artefacts(place: Path) -> list[Path]:
    """The artefacts at ``place``: one, or the newest version of each below a folder; empty where there is none."""
    if read_manifest(place) is not None and place.exists() and place.name == place.parent.parent.name:
        return [place]
    newest: dict[Path, Path] = {}
    for manifest in sorted(place.rglob(NAME)):
        artefact = manifest.parent / manifest.parent.parent.name
        if artefact.exists():
            newest[manifest.parent.parent] = artefact
    return list(newest.values())


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
    hasher, said = hasher or Hasher(), {}
    for link in links:
        if link.manifest is None:
            said[link.path] = f"{link.path}: is gone, or has no manifest."
        elif not link.path.exists():
            said[link.path] = f"{link.path}: is gone; its manifest is still there."
        elif link.path not in said and hasher.tree(link.path) != link.manifest.content:
            said[link.path] = f"{link.path}: was changed after it was made; its content is not that of its manifest."
        elif link.wanted is not None and link.manifest.content != link.wanted.content:
            said[link.path] = f"{link.path}: is not what was read then; another version lies under its name."
    return list(said.values())
