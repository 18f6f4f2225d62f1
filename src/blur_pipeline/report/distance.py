"""How far each run is from a model that never knew, and how much of the target's utility it has kept."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.config.comparison import Comparison, Yardstick
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.metrics.membership import ATTACKS
from blur_pipeline.statistics.seeds import P_VALUED

DISTANCE, UTILITY, GAP = "distance", "utility_kept", "gap."
NUMBERS = ["value", "low", "high"]


def with_distance(runs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """``RUN_COLUMNS`` with further rows for every run and model, as if they had been measured.

    ``gap.METRIC``
        \\|value − reference\\| / scale of each of ``comparison.distance`` and of each membership attack, 0 or more. The
        interval is that of the metric, folded at the reference, which is taken as exact.
    ``distance``
        the largest gap. Where the interval of each gap holds its true value, [largest low, largest high] holds the
        largest's. NaN where one of ``comparison.distance`` is absent.
    ``utility_kept``
        (utility − chance) / (the target's − chance), the target's taken as exact; NaN where that has nothing to keep.

    Raises:
        BadInputError: no run has a metric that ``comparison`` ranks by, or it is a p-value.
    """
    _require(runs, comparison)
    sticks = yardsticks(runs, comparison)
    gaps = pd.concat([_gap(runs, stick, reference(runs, stick)) for stick in sticks])
    largest = _largest(gaps, {GAP + s.metric for s in comparison.distance if s in sticks})
    return pd.concat([runs, gaps, largest, _kept(runs, comparison)], ignore_index=True)


def yardsticks(runs: pd.DataFrame, comparison: Comparison) -> list[Yardstick]:
    """``comparison.distance``, then the membership attacks; of these and of what is optional those that every run has,
    so that all are held to the same."""
    known = runs[(runs["model"] == "unlearned") & runs["value"].notna()]
    having = known.groupby("metric")["run_id"].nunique()
    everywhere = set(having.index[having == runs["run_id"].nunique()])
    attacks = [f"membership.{name}" for name in ATTACKS if comparison.attack_scale is not None]
    blind = [
        Yardstick(metric=name, scale=comparison.attack_scale, without_retrained=0.5)
        for name in attacks
        if name in everywhere
    ]
    return [*(s for s in comparison.distance if not s.optional or s.metric in everywhere), *blind]


def reference(runs: pd.DataFrame, stick: Yardstick) -> float:
    """Where the metric should come to lie: as told, or the retrained model's value, or what stands in for it."""
    if stick.to is not None:
        return stick.to
    retrained = of_model(runs, "retrained", stick.metric)
    return stick.without_retrained if np.isnan(retrained) else retrained


def of_model(runs: pd.DataFrame, model: str, metric: str) -> float:
    """The newest value that the runs have of a model they share; NaN without one."""
    found = runs.loc[(runs["model"] == model) & (runs["metric"] == metric), "value"].dropna()
    return float(found.iloc[-1]) if len(found) else np.nan


def references(runs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """What the distance is made of: ``measure, reference, which is, a gap of 1 is``."""
    rows = [(s.metric, reference(runs, s), _whence(runs, s), s.scale) for s in yardsticks(runs, comparison)]
    return pd.DataFrame(rows, columns=["measure", "reference", "which is", "a gap of 1 is"])


def rules(runs: pd.DataFrame, comparison: Comparison) -> list[str]:
    """How distance and utility decide the rank, in sentences."""
    target = of_model(runs, "target", comparison.utility)
    above = f" above {comparison.utility_chance:g}, which chance gives," if comparison.utility_chance else ""
    said = [
        "Distance: the largest gap |value − reference| / scale of the measures below. At 0 none of them tells the "
        "model from its reference; falling below a reference counts as much as staying above it.",
        f"Utility kept: {comparison.utility}{above} as a share of the target model's {target:.3f}. Below "
        f"{comparison.floor:.0%} a configuration is wrecked and has no rank, whatever it has forgotten.",
    ]
    if not target > comparison.utility_chance:
        said.append("The target model has no utility that could be kept, so that nothing is ranked.")
    return said


def _whence(runs: pd.DataFrame, stick: Yardstick) -> str:
    if stick.to is not None:
        return "as told (comparison.distance)"
    if not np.isnan(of_model(runs, "retrained", stick.metric)):
        return "the retrained model's"
    if stick.metric.startswith("membership."):
        return "a blind attack's"
    return "a stand-in: without a retrained model nobody knows where it would lie"


def _require(runs: pd.DataFrame, comparison: Comparison) -> None:
    known = runs.loc[(runs["model"] == "unlearned") & runs["value"].notna(), "metric"].drop_duplicates()
    wanted = {s.metric: "distance" for s in comparison.distance} | {comparison.utility: "utility"}
    optional = {s.metric for s in comparison.distance if s.optional}
    for metric, key in wanted.items():
        if metric in P_VALUED:
            raise BadInputError(
                f"Parameter 'comparison.{key}': '{metric}' is a p-value, and how far two p-values are apart means "
                "nothing; name another metric, and this one under 'comparison.shown'."
            )
        if metric not in set(known) | optional:
            there = ", ".join(sorted(name for name in known if name.count(".") < 3)[:12])
            raise BadInputError(
                f"Parameter 'comparison.{key}': no run to be ranked has the metric '{metric}'; name one that they "
                f"have, such as {there}."
            )


def _gap(runs: pd.DataFrame, stick: Yardstick, to: float) -> pd.DataFrame:
    """A row of the metric → one of its gap; an interval that holds the reference begins at 0."""
    rows = runs[runs["metric"] == stick.metric]
    off = (rows[NUMBERS] - to) / stick.scale
    ends = off[["low", "high"]].abs()
    low = ends.min(axis=1, skipna=False).mask((off["low"] <= 0) & (off["high"] >= 0), 0.0)
    high = ends.max(axis=1, skipna=False)
    return rows.assign(metric=GAP + stick.metric, value=off["value"].abs(), low=low, high=high)


def _largest(gaps: pd.DataFrame, needed: set[str]) -> pd.DataFrame:
    """One row a run and model; NaN where one of the ``needed`` gaps is."""
    rows = []
    for _, part in gaps.groupby(["run_id", "model"], sort=False):
        known = part.dropna(subset=["value"])
        largest = known[NUMBERS].max(skipna=False) if needed <= set(known["metric"]) else dict.fromkeys(NUMBERS, np.nan)
        rows.append(part.iloc[[0]].assign(metric=DISTANCE, **largest))
    return pd.concat(rows)


def _kept(runs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    chance = comparison.utility_chance
    to_keep = of_model(runs, "target", comparison.utility) - chance
    rows = runs[runs["metric"] == comparison.utility].assign(metric=UTILITY)
    rows[NUMBERS] = (rows[NUMBERS] - chance) / to_keep if to_keep > 0 else np.nan
    return rows
