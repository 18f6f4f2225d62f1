"""The outcome of an unlearning in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from blur_pipeline.report import residual
from blur_pipeline.report.giveaways import giveaways

IN_NATS = {"log_truth_ratio": "log truth ratio", "nll": "NLL", "fact_nll": "NLL of the fact"}
"""What models are compared in, example by example, as the metrics name it and in words."""


def verdict(metrics: pd.DataFrame, ratio: float | None = None) -> list[str]:
    """The outcome in plain sentences, each with its numbers and none beyond them.

    ``ratio`` is ``evaluation.equivalence_ratio``; None where it is not at hand: then its name stands in its place.
    """
    values = metrics.pivot(index="metric", columns="model", values="value")

    def get(metric: str, model: str) -> float | None:
        if metric not in values.index or model not in values.columns:
            return None
        value = values.loc[metric, model]
        return None if pd.isna(value) else float(value)

    said = []
    before, after = get("forget.probability", "target"), get("forget.probability", "unlearned")
    gold = get("forget.probability", "retrained")
    if before is not None and after is not None:
        against = f" (a model that never saw it gives {gold:.3f})" if gold is not None else ""
        said.append(f"The probability of the forget answers went from {before:.3f} to {after:.3f}{against}.")
    before, after, gold = (get("forget.fact_probability", m) for m in ("target", "unlearned", "retrained"))
    if before is not None and after is not None:
        against = "" if gold is None else f" ({gold:.3f} in a model that never saw them)"
        told = f"{before:.3f} to {after:.3f}{against}"
        said.append(f"That of the facts alone, without what the question gives away, went from {told}.")
    said += _likeness(get, ratio)
    if sentence := _among_retrained(get):
        said.append(sentence)
    said += giveaways(metrics)
    if sentence := _unfair_attack(metrics):
        said.append(sentence)
    kept, had = get("model_utility", "unlearned"), get("model_utility", "target")
    if kept is not None and had:
        said.append(f"Model utility is {kept:.3f}, {kept / had:.0%} of the target model's {had:.3f}.")
    kept, had = get("retain.probability", "unlearned"), get("retain.probability", "target")
    if kept is not None and had is not None:
        said.append(f"The probability of the retain answers went from {had:.3f} to {kept:.3f}.")
    if sentence := residual.told(metrics):
        said.append(sentence)
    return said


def _likeness(get: Callable[[str, str], float | None], ratio: float | None) -> list[str]:
    """Whether the unlearned model is told from the retrained one, and whether it was shown to be like it."""
    said, quality = [], get("forget_quality", "unlearned")
    if quality is not None:
        found = "its truth ratios tell the unlearned model from the retrained one"
        if quality >= 0.05:
            power = get("forget_quality.power", "unlearned")
            chance = "" if power is None else f", and of models that kept half of the knowledge it finds {power:.0%}"
            found = f"no difference was found at the 5 % level, which does not show that there is none{chance}"
        # A test that does not notice the forget set in the target model proves nothing of the unlearned one.
        blind = (get("forget_quality", "target") or 0.0) >= 0.05
        blind = "; it does not even tell the target model apart, so it says nothing here" if blind else ""
        said.append(f"Forget quality (TOFU's Kolmogorov-Smirnov p-value) is {quality:.3g}: {found}{blind}.")
    alike = get("equivalence", "unlearned")
    if alike is not None:
        gaps = {name: get(f"difference.{key}", "unlearned") for key, name in IN_NATS.items()}
        told = ", ".join(f"{name} {gap:+.2f}" for name, gap in gaps.items() if gap is not None)
        shown = "shown" if alike < 0.05 else "not shown"
        margin = "the ratio of evaluation.equivalence_ratio"
        if ratio is not None:
            margin = f"a ratio of {ratio:g} either way (differences up to {math.log(ratio):.2f})"
        said.append(
            f"On the forget set it differs from the retrained model by {told} (means over subjects); that it is like it"
            f" within {margin} is {shown} (p = {alike:.2g}, two one-sided tests)."
        )
    return said


def _among_retrained(get: Callable[[str, str], float | None]) -> str | None:
    """Where there are several retrained models: is it further from them than they are from each other?"""
    k = get("among_retrained.models", "unlearned")
    if k is None:
        return None
    said = []
    for key, name in IN_NATS.items():
        z2, low, high, p = (
            get(f"among_retrained.{key}{part}", "unlearned") for part in ("", ".lowest", ".highest", ".p")
        )
        if z2 is not None:
            said.append(f"{name} {z2:.2f}, theirs {low:.2f} to {high:.2f} (p = {p:.2g})")
    return (
        f"Among {k:.0f} retrained models that differ in their seed alone, its mean z² over the forget examples is: "
        f"{'; '.join(said)}. p is the share of all that are as far from the others, never below {1 / (k + 1):.2g}."
    )


def chosen_by(stopping: dict[str, Any]) -> list[str]:
    """Where weights were chosen by rows that are reported as well: what is said of those is a little flattered.

    They cannot be taken out: the target and the retrained model are measured on the same rows, whoever chose what.
    """
    if stopping.get("kind") != "best":
        return []
    return [
        f"The unlearned weights were chosen among several by their losses on up to {stopping['rows']} rows of the "
        "forget and of the retain set (unlearning.stopping: best), which may be among the rows reported: of these two "
        "sets the numbers flatter it; no other set had a part in the choice."
    ]


def _unfair_attack(metrics: pd.DataFrame) -> str | None:
    """Where the attack behind PrivLeak tells forget from holdout rows in a model that saw neither."""
    found = metrics[(metrics["model"] == "retrained") & (metrics["metric"] == "membership.min_k")]
    if found.empty or not (found["low"].item() > 0.5 or found["high"].item() < 0.5):
        return None
    value, low, high = (float(found[name].item()) for name in ("value", "low", "high"))
    return (
        "The retrained model saw neither forget nor holdout rows, yet the Min-K attack tells them apart in it (AUC "
        f"{value:.2f} [{low:.2f}, {high:.2f}], not ½): the sets differ by themselves, and PrivLeak measures that too."
    )
