"""The membership attacks as aggregates: AUC of forget against holdout, and how far it is from a retrained model's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from blur_pipeline.metrics.membership import ATTACKS, privacy_leakage, relative_difference
from blur_pipeline.statistics.areas import auc, auc_interval, weighted_auc
from blur_pipeline.statistics.intervals import Resampler, absent, count, interval, present

SIDES = ("forget", "holdout")
Scores = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Area:
    """An AUC with its bootstrap values and its interval."""

    value: float
    resampled: np.ndarray
    ends: tuple[float, float]


@dataclass(frozen=True)
class Rows:
    """The forget and the holdout rows: their subjects, and how often the bootstrap draws each."""

    subjects: Scores
    weights: Scores

    @classmethod
    def of(cls, examples: pd.DataFrame, resampler: Resampler) -> Rows:
        """Of the examples of a model; the retrained model has the same rows."""
        subjects = tuple(examples.loc[examples["set"] == name, "subject"].to_numpy() for name in SIDES)
        return cls(subjects, tuple(resampler.weights(s, name) for s, name in zip(subjects, SIDES, strict=True)))

    @property
    def n(self) -> int:
        """Rows of both sides."""
        return sum(map(len, self.subjects))

    @property
    def numbers(self) -> tuple[int, int]:
        """Subjects of each side."""
        return tuple(count(s) for s in self.subjects)

    def area(self, scores: Scores) -> Area:
        """The AUC of scores of these rows."""
        value, resampled = auc(*scores), weighted_auc(*scores, *self.weights)
        return Area(value, resampled, auc_interval(value, resampled, len(scores[0]) * len(scores[1]), self.numbers))


def membership_rows(
    examples: pd.DataFrame, retrained: pd.DataFrame, reason: str, published_auc: float | None, resampler: Resampler
) -> list[dict]:
    """``membership.ATTACK`` (AUC) and ``membership.ATTACK.relative_difference`` of each, and ``privacy_leakage``.

    The reference attack's reference model is the retrained one. Without that model there is neither it nor a
    relative difference, and PrivLeak needs the published AUC.
    """
    ours, theirs, of = scores_of(examples), scores_of(retrained), Rows.of(examples, resampler)
    rows, areas, fewest = [], {}, min(of.numbers)
    if not retrained.empty:
        ours["reference"] = _difference(examples, retrained)
    for name in ATTACKS:
        metric = f"membership.{name}"
        why = lacking(ours.get(name), name, reason)
        if why:
            rows.append(absent(metric, why))
            continue
        areas[name] = of.area(ours[name])
        rows.append(present(metric, areas[name].value, areas[name].ends, of.n, fewest))
        if name in theirs and not lacking(theirs[name], name, reason):
            gold = of.area(theirs[name])
            change = relative_difference(areas[name].value, gold.value)
            if np.isfinite(change):  # an AUC of 0 cannot be divided by
                ends = interval(relative_difference(areas[name].resampled, gold.resampled), fewest)
                rows.append(present(f"{metric}.relative_difference", float(change), ends, of.n, fewest))
    rows.append(_privacy_leakage(areas.get("min_k"), theirs.get("min_k"), reason, published_auc, of))
    return rows


def scores_of(examples: pd.DataFrame) -> dict[str, Scores]:
    """Per attack the scores of the forget and of the holdout set."""
    if examples.empty:
        return {}
    sides = [examples[examples["set"] == name] for name in SIDES]
    names = [name for name in ATTACKS if f"attack_{name}" in examples]
    return {n: tuple(side[f"attack_{n}"].to_numpy(np.float64) for side in sides) for n in names}


def _difference(examples: pd.DataFrame, retrained: pd.DataFrame) -> Scores:
    keys = ["set", "row_id"]
    gap = examples.set_index(keys)["attack_loss"] - retrained.set_index(keys)["attack_loss"]
    sets = gap.index.get_level_values("set")
    return tuple(gap[sets == name].to_numpy(np.float64) for name in SIDES)


def lacking(sides: Scores | None, name: str, reason: str) -> str:
    """Why an attack has no AUC; empty where it has."""
    if sides is None:
        return reason or "no retrained model"
    if not all(len(side) for side in sides):
        return "a membership attack needs a holdout set"
    if name == "gradient_norm" and all(np.isnan(side).all() for side in sides):
        return "gradient norms were not asked for"
    if any(np.isnan(side).any() for side in sides):
        return "some rows are too short to score"
    return ""


def _privacy_leakage(
    ours: Area | None, theirs: Scores | None, reason: str, published_auc: float | None, of: Rows
) -> dict:
    if ours is None:
        return absent("privacy_leakage", "a membership attack needs a holdout set")
    if theirs is not None and not lacking(theirs, "min_k", reason):
        gold = of.area(theirs)
    elif published_auc is not None:
        gold = Area(published_auc, np.full_like(ours.resampled, published_auc), (published_auc, published_auc))
    else:
        return absent("privacy_leakage", reason or "no retrained model")
    value = float(privacy_leakage(ours.value, gold.value))
    if not np.isfinite(value):
        return absent("privacy_leakage", "the retrained model's A is 0: nothing can be divided by it")
    low, high = interval(privacy_leakage(ours.resampled, gold.resampled), min(of.numbers))
    # Where all pairs are in order the bootstrap sees no variation: at least as wide as this model's AUC alone makes it.
    alone = [float(privacy_leakage(end, gold.value)) for end in ours.ends]
    return present("privacy_leakage", value, (min(low, *alone), max(high, *alone)), of.n, min(of.numbers))
