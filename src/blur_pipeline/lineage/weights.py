"""By which SHA-256 somebody who holds a model's files can tell that it is the one that was measured."""

from __future__ import annotations

from pathlib import Path

from blur_pipeline.lineage.content import Hasher
from blur_pipeline.lineage.manifest import Manifest


def weights_of(manifest: Manifest, hasher: Hasher) -> dict[str, str]:
    """Of each file of weights by its name, as ``sha256sum`` says it.

    A manifest of before these were noted says what the whole folder was: as long as it is that, they are told from it.
    """
    if manifest.weights or not Path(manifest.path).exists():
        return manifest.weights
    content, weights = hasher.held(Path(manifest.path))
    return weights if content == manifest.content else {}
