"""What artefacts cost when they were last made here: read off the manifests that lie in data/."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from blur_pipeline.lineage.manifest import NAME

MOST = 400
"""Manifests that are read, the newest first."""
DEPTHS = ("*/*/*", "*/*/*/*")
"""Below ``data/LAYER/PLACE``: IDENTITY/NAME/VERSION, and of what belongs to a model MODEL/IDENTITY/NAME/VERSION."""


@dataclass(frozen=True)
class Costs:
    """Seconds by node and bytes by dataset, each as it was the last time, whatever the parameters were."""

    seconds: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)


def costs_of(data: Path, place: str) -> Costs:
    """Of the runs of one benchmark and variant (``Identities.place``); what cannot be read is passed over."""
    found = Costs()
    manifests = [path for depth in DEPTHS for path in data.glob(f"*/{place}/{depth}/{NAME}")]
    for path in sorted(manifests, key=lambda path: path.parent.name, reverse=True)[:MOST]:
        try:
            said = json.loads(path.read_text())
            node, seconds = said["made"]["node"], float(said["made"]["seconds"])
            dataset, size = said["dataset"], int(said["bytes"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found.seconds.setdefault(node, seconds)
        found.bytes.setdefault(dataset, size)
    return found
