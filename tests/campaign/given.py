"""A campaign without models: a plan over the shipped parameters, and a run whose result is a formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blur_pipeline.campaign.plan import Plan, plan_of, require_sense
from blur_pipeline.config.parameters import check_parameters
from tests.resolved import loader, resolved

GROUP = {"data": "d", "target": "t", "retrained": "r", "evaluation": "e"}


def plan(folder: Path, text: str, env: str = "base", **runtime: Any) -> Plan:
    """Of a campaign file with this text, as at the door."""
    path = folder / "mine.yml"
    path.write_text(text)
    raw = loader(env, **runtime)["parameters"] if runtime else resolved(env)
    raw = raw | {"campaign": raw["campaign"] | {"path": str(path)}}
    found = plan_of(check_parameters(raw), GROUP)
    require_sense(found, raw)
    return found


def note(distance: float | None, utility: float | None) -> dict[str, Any]:
    """What a cell leaves behind."""
    rows = [
        ["unlearned", "distance", distance, distance, distance],
        ["unlearned", "utility_kept", utility, utility, utility],
    ]
    rows.append(["unlearned", "gap.forget.rouge", distance, distance, distance])
    said = {"distance": distance, "utility": utility, "farthest": "forget.rouge", "rows": rows}
    return {**said, "seconds": 1.0, "run": "run", "command": "kedro run"}
