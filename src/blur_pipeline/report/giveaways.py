"""What gives a model away most: the strongest membership attack, answers known by heart, intervals that lie apart."""

from __future__ import annotations

import math

import pandas as pd

from blur_pipeline.metrics.membership import ATTACKS
from blur_pipeline.report.distance import of_model

BLIND = 0.5
BY_HEART = ("forget.exact_memorisation", "forget.extraction_strength")
COMPARED = ("forget.probability", "forget.fact_probability", "forget.rouge", "forget.truth_ratio", *BY_HEART)
"""Measures of the forget set whose intervals are held against the retrained model's."""


def strongest_attack(metrics: pd.DataFrame) -> str | None:
    """The attack whose AUC is farthest from the retrained model's, or from ½ where there is no such model.

    ``metrics`` has ``model, metric, value``; None where no attack could be made.
    """
    gaps = {}
    for attack in ATTACKS:
        ours, theirs = (of_model(metrics, model, f"membership.{attack}") for model in ("unlearned", "retrained"))
        if not math.isnan(ours):
            gaps[f"membership.{attack}"] = abs(ours - (BLIND if math.isnan(theirs) else theirs))
    return max(gaps, key=gaps.get, default=None)


def giveaways(metrics: pd.DataFrame) -> list[str]:
    """Sentences with their numbers, from ``model, metric, value, low, high``; none of what was not measured."""
    said = []
    if (attack := strongest_attack(metrics)) is not None:
        name = attack.removeprefix("membership.").replace("_", " ")
        beside = _beside(metrics, attack) or " (½ would be blind)"
        area = f"{of_model(metrics, 'unlearned', attack):.3f}"
        said.append(f"The strongest membership attack, {name}, has an AUC of {area}{beside}.")
    by_heart = [
        f"{_words(name)} is {value:.3f}{_beside(metrics, name)}"
        for name in BY_HEART
        if not math.isnan(value := of_model(metrics, "unlearned", name))
    ]
    if by_heart:
        said.append(f"Of the forget answers, token by token, {' and '.join(by_heart)}.")
    if apart := [part for name in COMPARED if (part := _apart(metrics, name))]:
        said.append(f"Its 95 % interval lies apart from the retrained model's in {'; '.join(apart)}.")
    return said


def _words(metric: str) -> str:
    return metric.removeprefix("forget.").replace("_", " ")


def _beside(metrics: pd.DataFrame, metric: str) -> str:
    gold = of_model(metrics, "retrained", metric)
    return "" if math.isnan(gold) else f" ({gold:.3f} in the retrained model)"


def _apart(metrics: pd.DataFrame, metric: str) -> str:
    """``exact memorisation [0.500, 0.600] against [0.300, 0.400]``; nothing where they meet or one is absent."""
    rows = metrics[metrics["metric"] == metric].set_index("model")[["low", "high"]].dropna()
    if not {"unlearned", "retrained"} <= set(rows.index):
        return ""
    (low, high), (least, most) = rows.loc["unlearned"], rows.loc["retrained"]
    if low <= most and high >= least:
        return ""
    return f"{_words(metric)} [{low:.3f}, {high:.3f}] against [{least:.3f}, {most:.3f}]"
