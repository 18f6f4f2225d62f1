"""The outcome of an unlearning in one of four states, by stated limits, from the measure that gives it away most."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import pandas as pd

from blur_pipeline.config.comparison import Comparison, Yardstick
from blur_pipeline.report.distance import of_model, reference, yardsticks
from blur_pipeline.report.residual import RESIDUAL, excesses, percent, told
from blur_pipeline.report.tables import interval_text

State = Literal["forgotten and kept", "not forgotten", "damaged", "not decidable here"]
BY_HEART = [Yardstick(metric=f"forget.{name}", optional=True) for name in ("extraction_strength", "exact_memorisation")]


class Outcome(NamedTuple):
    """A state and the sentence that says why."""

    state: State
    reason: str

    def __str__(self) -> str:
        return f"{self.state[0].upper()}{self.state[1:]}: {self.reason}"


def outcome(metrics: pd.DataFrame, comparison: Comparison, limit: float, residual_limit: float | None) -> Outcome:
    """From ``model, metric, value, low, high`` of the target, the retrained and the unlearned model.

    ``forgotten and kept``  every gap |value − reference| / scale of ``comparison.distance``, of the membership attacks,
                            of extraction and of memorisation is at most ``limit``, and utility is above
                            ``comparison.floor``.
    ``not forgotten``       the worst gap is larger, on the target's side of the reference.
    ``damaged``             utility is below the floor; or the worst gap is larger on the other side: it overshot, and
                            shows that something was taken out.
    ``not decidable here``  a measure is absent, nobody knows where it should lie, or the target model would pass too.

    Where the model was attacked, a worst-case residual knowledge above ``residual_limit`` has a say in the first and
    the last state, whatever the other measures see: ``not forgotten`` where its whole interval lies above, and else
    ``not decidable here``, since nobody knows what part chance has in it. ``residual_limit`` None: attacks are told and
    decide nothing. A model that is forgotten and kept by measures of which some were not taken is told so.
    """
    found = _under_attack(_by_gaps(metrics, comparison, limit), metrics, residual_limit)
    if found.state != "forgotten and kept":
        return found
    return Outcome(found.state, " ".join([found.reason, *_not_looked_at(metrics)]))


def _under_attack(found: Outcome, metrics: pd.DataFrame, limit: float | None) -> Outcome:
    if found.state not in ("forgotten and kept", "not decidable here") or (said := told(metrics)) is None:
        return found
    worst = metrics[(metrics["model"] == "unlearned") & (metrics["metric"] == RESIDUAL)].iloc[-1]
    good = found.state == "forgotten and kept"
    if limit is None or not worst["value"] > limit:
        return Outcome(found.state, f"{found.reason} {said}") if good else found
    there = f"worst-case residual knowledge is {percent(worst)}, by attack {excesses(metrics).idxmax()}"
    if worst["low"] > limit:
        there += f": its whole interval lies above the limit of {limit:.0%}"
        if good:
            return Outcome("not forgotten", f"{found.reason.removesuffix('.')}; but it is not gone: {there}.")
        return Outcome("not forgotten", f"it is not gone: {there}. Beside that, {found.reason}")
    if not good:
        return found
    few = "from so few subjects" if math.isnan(worst["low"]) else "its interval does not lie above it as a whole, and"
    return Outcome(
        "not decidable here",
        f"{found.reason.removesuffix('.')}; but {there}, above the limit of {limit:.0%}: {few} nobody knows what part "
        "chance has in it.",
    )


def _not_looked_at(metrics: pd.DataFrame) -> list[str]:
    """What the state does not rest on: a model that nobody attacked has not held."""
    told = []
    if not (metrics["metric"] == RESIDUAL).any():
        told.append("No attack was made (stress.profile): nobody has looked whether it stays forgotten.")
    attacks = metrics[(metrics["model"] == "unlearned") & metrics["metric"].str.startswith("membership.")]
    if attacks["value"].isna().all():
        why = next((reason for reason in attacks.get("reason", ()) if reason), "there is no holdout")
        told.append(f"No membership attack was made: {why}.")
    return told


def _by_gaps(metrics: pd.DataFrame, comparison: Comparison, limit: float) -> Outcome:
    runs = metrics.assign(run_id="here")
    lacking = [s.metric for s in comparison.distance if not s.optional and math.isnan(_of(runs, s))]
    if lacking:
        return Outcome("not decidable here", f"there is no value of {', '.join(lacking)}.")
    named = {s.metric for s in comparison.distance}
    by_heart = [s for s in BY_HEART if s.metric not in named]
    sticks = [s for s in (*yardsticks(runs, comparison), *by_heart) if not math.isnan(_of(runs, s))]
    unknown = [s.metric for s in sticks if _unknown(runs, s)]
    if unknown:
        return Outcome(
            "not decidable here",
            f"without a retrained model nobody knows where {', '.join(unknown)} should lie; give 'to' in "
            "comparison.distance where you do.",
        )
    kept = _kept(runs, comparison)
    if math.isnan(kept):
        return Outcome("not decidable here", f"the target model has no {comparison.utility} that could be kept.")
    if kept < comparison.floor:
        return Outcome(
            "damaged", f"{comparison.utility} is {kept:.0%} of the target model's, less than {comparison.floor:.0%}."
        )
    if max(_gap(runs, s, "target") for s in sticks) <= limit:
        return Outcome(
            "not decidable here", f"the target model, which knows it all, has no gap above {limit:g} either."
        )
    worst = max(sticks, key=lambda s: _gap(runs, s))
    gap, value, to = _gap(runs, worst), _of(runs, worst), reference(runs, worst)
    told = f"the largest gap is that of {worst.metric}: {_with_interval(runs, worst)} where {to:.3f} is wanted, "
    told += f"{gap:.2f} of its scale"
    if gap <= limit:
        return Outcome(
            "forgotten and kept", f"{told}, within the limit of {limit:g}; {kept:.0%} of the utility is kept."
        )
    before = of_model(runs, "target", worst.metric)
    if (value - to) * (before - to) > 0:
        return Outcome(
            "not forgotten", f"{told}, above the limit of {limit:g}, towards the target model's {before:.3f}."
        )
    return Outcome(
        "damaged", f"{told}, above the limit of {limit:g} and away from the target model's {before:.3f}: it overshot."
    )


def _of(runs: pd.DataFrame, stick: Yardstick, model: str = "unlearned") -> float:
    return of_model(runs, model, stick.metric)


def _with_interval(runs: pd.DataFrame, stick: Yardstick) -> str:
    """The value, and how far chance may have moved it; from few subjects nobody knows."""
    row = runs[(runs["model"] == "unlearned") & (runs["metric"] == stick.metric)].dropna(subset=["value"]).iloc[-1]
    if math.isnan(row["low"]):
        return f"{row['value']:.3f} (too few subjects for an interval: chance may have a part in it)"
    return interval_text(row["value"], row["low"], row["high"])


def _unknown(runs: pd.DataFrame, stick: Yardstick) -> bool:
    blind = stick.metric.startswith("membership.")  # by a holdout set it is known: ½
    return stick.to is None and not blind and math.isnan(_of(runs, stick, "retrained"))


def _gap(runs: pd.DataFrame, stick: Yardstick, model: str = "unlearned") -> float:
    value = _of(runs, stick, model)
    return 0.0 if math.isnan(value) else abs(value - reference(runs, stick)) / stick.scale


def _kept(runs: pd.DataFrame, comparison: Comparison) -> float:
    ours, target = (of_model(runs, m, comparison.utility) - comparison.utility_chance for m in ("unlearned", "target"))
    return ours / target if target > 0 else math.nan
