"""The membership attacks as aggregates: AUC of forget against holdout, and how far it is from a retrained model's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from blur_pipeline.metrics.membership import ATTACKS, privacy_leakage, relative_difference
from blur_pipeline.statistics.areas import auc, auc_interval, weighted_auc
from blur_pipeline.statistics.intervals import Resampler, absent, count, if_they_vary, interval, present

SIDES = ("forget", "holdout")
KEYS = ["set", "row_id"]
OTHER_ROWS = "the retrained model was asked other rows of the forget set or the holdout"
Scores = tuple[np.ndarray, ...]
Measure = Callable[[np.ndarray | float, np.ndarray | float], np.ndarray | float]


@dataclass(frozen=True)
class Area:
    """An AUC with its bootstrap values and its interval, and the scores that it is of; a published one has none."""

    value: float
    resampled: np.ndarray
    ends: tuple[float, float]
    scores: Scores = ()

    def same(self, other: Area) -> bool:
        """Whether it is of the very same scores, as the retrained model's beside itself."""
        if not (self.scores and other.scores):
            return False
        return all(np.array_equal(*side) for side in zip(self.scores, other.scores, strict=True))

    @property
    def hidden(self) -> tuple[float, ...]:
        """The ends of its interval where it is 0 or 1: the bootstrap sees no variation then, though there is some."""
        return self.ends if self.value in (0.0, 1.0) else ()


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
        ends = auc_interval(value, resampled, len(scores[0]) * len(scores[1]), self.numbers)
        return Area(value, resampled, ends, scores)

    def row(self, metric: str, area: Area, exact: bool = False) -> dict:
        """Of the metrics table; ``exact`` where it is so of any rows."""
        row = present(metric, area.value, area.ends, self.n, min(self.numbers))
        return row if exact else if_they_vary(row)

    def apart(self, metric: str, measure: Measure, ours: Area, gold: Area) -> dict:
        """A row of ``measure(ours, gold)``, both over the same resamples: what is hard for both cancels.

        Where one of the two areas is 0 or 1, at least as wide as the interval of that one makes it.
        """
        value, same = float(measure(ours.value, gold.value)), ours.same(gold)
        ends = list(interval(measure(ours.resampled, gold.resampled), min(self.numbers)))
        if not same:
            ends += [measure(end, gold.value) for end in ours.hidden]
            ends += [measure(ours.value, end) for end in gold.hidden]
        row = present(metric, value, (float(np.min(ends)), float(np.max(ends))), self.n, min(self.numbers))
        return row if same else if_they_vary(row)


def membership_rows(
    examples: pd.DataFrame, retrained: pd.DataFrame, reason: str, published_auc: float | None, resampler: Resampler
) -> list[dict]:
    """``membership.ATTACK`` (AUC) and ``membership.ATTACK.relative_difference`` of each, and ``privacy_leakage``.

    The reference attack's reference model is the retrained one. Without that model there is neither it nor a
    relative difference, and PrivLeak needs the published AUC.
    """
    examples = examples[examples["set"].isin(SIDES)]
    if not retrained.empty:
        both, retrained = alike(examples, retrained)
        if len(both) < len(examples):
            reason, retrained = OTHER_ROWS, retrained.iloc[:0]
    ours, theirs, of = scores_of(examples), scores_of(retrained), Rows.of(examples, resampler)
    rows, areas = [], {}
    if not retrained.empty:
        ours["reference"] = _difference(examples, retrained)
    for name in ATTACKS:
        metric = f"membership.{name}"
        why = lacking(ours.get(name), name, reason)
        if why:
            rows.append(absent(metric, why))
            continue
        area = areas[name] = of.area(ours[name])
        itself = name == "reference" and not any(map(np.any, area.scores))
        rows.append(of.row(metric, area, exact=itself))
        if name in theirs and not lacking(theirs[name], name, reason):
            gold = of.area(theirs[name])
            if gold.value:  # nothing can be divided by 0
                rows.append(of.apart(f"{metric}.relative_difference", relative_difference, area, gold))
    rows.append(_privacy_leakage(areas.get("min_k"), theirs.get("min_k"), reason, published_auc, of))
    return rows


def alike(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that both have, in the order of the first: a resample takes the same ones of both."""
    ours, theirs = (frame.set_index(KEYS, drop=False) for frame in (ours, theirs))
    both = ours.index.intersection(theirs.index, sort=False)
    return ours.loc[both], theirs.loc[both]


def scores_of(examples: pd.DataFrame) -> dict[str, Scores]:
    """Per attack the scores of the forget and of the holdout set."""
    if examples.empty:
        return {}
    sides = [examples[examples["set"] == name] for name in SIDES]
    names = [name for name in ATTACKS if f"attack_{name}" in examples]
    return {n: tuple(side[f"attack_{n}"].to_numpy(np.float64) for side in sides) for n in names}


def _difference(examples: pd.DataFrame, retrained: pd.DataFrame) -> Scores:
    gap = examples.set_index(KEYS)["attack_loss"] - retrained.set_index(KEYS)["attack_loss"]
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
    if gold.value == 1:
        return absent("privacy_leakage", "the retrained model's A is 0: nothing can be divided by it")
    return of.apart("privacy_leakage", privacy_leakage, ours, gold)
