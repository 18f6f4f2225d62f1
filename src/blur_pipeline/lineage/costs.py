"""What artefacts cost when they were last made here: read off the manifests that lie in data/."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blur_pipeline.config.models import Training
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.lineage.content import digest_of
from blur_pipeline.lineage.manifest import NAME

MOST = 400
"""Manifests that are read, the newest first."""
DEPTHS = ("*/*/*", "*/*/*/*")
"""Below ``data/LAYER/PLACE``: IDENTITY/NAME/VERSION, and of what belongs to a model MODEL/IDENTITY/NAME/VERSION."""


@dataclass(frozen=True)
class Costs:
    """Each as it was the last time, whatever the parameters were: ``seconds`` and ``epochs`` by node, ``bytes`` by
    dataset."""

    seconds: dict[str, float] = field(default_factory=dict)
    epochs: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def expected(self, parameters: Parameters) -> dict[str, float]:
        """Seconds by node for a run with these parameters: twice the epochs take twice as long."""
        today = {f".{node}": epochs for node, epochs in trainings(parameters).items()}
        found = dict(self.seconds)
        for node, then in self.epochs.items():
            now = next((epochs for name, epochs in today.items() if node.endswith(name)), None)
            if now and then and node in found:
                found[node] *= now / then
        return found


def trainings(parameters: Parameters) -> dict[str, float]:
    """Epochs by the last word of the node that trains; without those that count steps, or train nothing."""
    models, unlearning = parameters.models, parameters.unlearning
    schedules = {
        f"obtain_{name}_model": how.schedule
        for name, how in (("target", models.target), ("retrained", models.retrained))
        if isinstance(how, Training)
    }
    schedules["unlearn"] = unlearning.schedule_of(unlearning.method)
    return {node: s.epochs for node, s in schedules.items() if s.epochs is not None and s.steps is None}


def costs_of(data: Path, place: str, attacks: str) -> Costs:
    """Of the runs of one benchmark and variant (``Identities.place``); what cannot be read is passed over.

    Of attacks those of the same ``attacks`` count (``Identities.chosen_attacks``): another profile, or none, says
    nothing of how long these take.
    """
    found = Costs()
    manifests = [path for depth in DEPTHS for path in data.glob(f"*/{place}/{depth}/{NAME}")]
    for path in sorted(manifests, key=lambda path: path.parent.name, reverse=True)[:MOST]:
        try:
            said = json.loads(path.read_text())
            node, seconds = said["made"]["node"], float(said["made"]["seconds"])
            dataset, size, decided = said["dataset"], int(said["bytes"]), said["made_of"]["decided_by"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if "stress.profile" in decided and digest_of(decided["stress.profile"]) != attacks:
            continue
        if node not in found.seconds:
            found.seconds[node] = seconds
            if epochs := _epochs(decided):
                found.epochs[node] = epochs
        found.bytes.setdefault(dataset, size)
    return found


def _epochs(decided: dict[str, Any]) -> float | None:
    """Of the training that a manifest tells of: unlearning's schedule stands by itself, others in their model."""
    held = [decided, *(part for part in decided.values() if isinstance(part, dict))]
    schedules = [part["schedule"] for part in held if isinstance(part.get("schedule"), dict)]
    return next((s["epochs"] for s in schedules if s.get("epochs") and not s.get("steps")), None)
