"""How a run is called in MLflow's lists: what it is of, and what sets it apart from the run of its preset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blur_pipeline.config.flat import flatten
from blur_pipeline.lineage.stages import DECIDES

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters

LONGEST = 60
"""Characters of a name; of differences that do not fit it tells the number."""
SAID_ALREADY = ("method", "seed", "unlearning.method", "unlearning.seed", "unlearning.seeds", "curation.seed",
                "models.seed")  # fmt: skip


def run_name(parameters: Parameters, given: dict[str, Any], outputs: set[str], pipelines: list[str]) -> str:
    """From the parameters ``given`` at the command line and what the run can make: ``blur_npo, seed 0, gamma 0.02``."""
    apart = differences(given, parameters.method)
    if "unlearned_model" in outputs:
        return _joined(_of_protocol(parameters), apart)
    if "seed_metrics" in outputs:
        return f"seeds: {parameters.method} ×{len(set(parameters.unlearning.seeds))}"
    if "shadow_margins" in outputs:
        return f"shadows: {parameters.method} ×{parameters.shadows.models}"
    if "campaign_table" in outputs:
        return f"campaign {_stem(parameters.campaign.path)}"
    if "leaderboard" in outputs:
        return "comparison"
    part = "target" if "target_model" in outputs else "+".join(pipelines)
    if "retrained_model" in outputs and part != "target":
        return f"retrained, seed {parameters.models.seed}"
    return _joined(part, apart)


def differences(given: dict[str, Any], method: str) -> list[str]:
    """What of it decides anything, the method's own settings first, each under its shortest name that is its own."""
    decisive = {name: value for name, value in flatten(given).items() if _decides(name, method)}
    names = sorted(decisive, key=lambda name: -name.startswith("unlearning.") - name.startswith("unlearning.methods."))
    return [f"{_short(name, names)} {_shown(decisive[name])}" for name in names]


def _joined(name: str, apart: list[str]) -> str:
    for number, difference in enumerate(apart):
        if len(name) + len(difference) > LONGEST:
            return f"{name} +{len(apart) - number}"
        name += f", {difference}"
    return name


def _of_protocol(parameters: Parameters) -> str:
    seeds = {parameters.curation.seed, parameters.models.seed, parameters.unlearning.seed}
    name = f"{parameters.method}, seed {parameters.unlearning.seed}"
    return name if len(seeds) == 1 else f"{name} (data {parameters.curation.seed}, target {parameters.models.seed})"


def _decides(name: str, method: str) -> bool:
    if name in SAID_ALREADY:
        return False
    if name.startswith("unlearning.methods."):
        return name.startswith(f"unlearning.methods.{method}.")
    rows = [row for row in DECIDES if name == row or name.startswith(f"{row}.")]
    return name == "variant" or any(DECIDES[row] for row in rows)


def _short(name: str, names: list[str]) -> str:
    parts = name.split(".")
    tails = (".".join(parts[-n:]) for n in range(1, len(parts) + 1))
    return next(tail for tail in tails if sum(f".{other}".endswith(f".{tail}") for other in names) == 1)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]
