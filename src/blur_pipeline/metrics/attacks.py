"""The membership attacks as aggregates: AUC of forget against holdout, and how far it is from a retrained model's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.metrics.membership import ATTACKS, auc, privacy_leakage, relative_difference
from blur_pipeline.statistics.intervals import Resampler, absent, present


def membership_rows(
    examples: pd.DataFrame, retrained: pd.DataFrame, reason: str, published_auc: float | None, resampler: Resampler
) -> list[dict]:
    """``membership.ATTACK`` (AUC) and ``membership.ATTACK.relative_difference`` of each, and ``privacy_leakage``.

    The reference attack's reference model is the retrained one. Without that model there is neither it nor a
    relative difference, and PrivLeak needs the published AUC.
    """
    ours, theirs = _scores(examples), _scores(retrained)
    rows, areas = [], {}
    if not retrained.empty:
        ours["reference"] = _difference(examples, retrained)
    for name in ATTACKS:
        metric = f"membership.{name}"
        why = _lacking(ours.get(name), name, reason)
        if why:
            rows.append(absent(metric, why))
            continue
        areas[name] = _areas(ours[name], resampler)
        rows.append(present(metric, *areas[name], sum(map(len, ours[name]))))
        if name in theirs and not _lacking(theirs[name], name, reason):
            gold = _areas(theirs[name], resampler)
            change = [relative_difference(a, b) for a, b in zip(areas[name], gold, strict=True)]
            if np.isfinite(change[0]):  # an AUC of 0 cannot be divided by
                rows.append(present(f"{metric}.relative_difference", *change, sum(map(len, ours[name]))))
    rows.append(_privacy_leakage(areas.get("min_k"), theirs.get("min_k"), reason, published_auc, resampler))
    return rows


def _scores(examples: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per attack the scores of the forget and of the holdout set."""
    if examples.empty:
        return {}
    sides = [examples[examples["set"] == name] for name in ("forget", "holdout")]
    names = [name for name in ATTACKS if f"attack_{name}" in examples]
    return {n: tuple(side[f"attack_{n}"].to_numpy(np.float64) for side in sides) for n in names}


def _difference(examples: pd.DataFrame, retrained: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    keys = ["set", "row_id"]
    gap = examples.set_index(keys)["attack_loss"] - retrained.set_index(keys)["attack_loss"]
    sets = gap.index.get_level_values("set")
    return tuple(gap[sets == name].to_numpy(np.float64) for name in ("forget", "holdout"))


def _lacking(sides: tuple[np.ndarray, np.ndarray] | None, name: str, reason: str) -> str:
    if sides is None:
        return reason or "no retrained model"
    if not all(len(side) for side in sides):
        return "a membership attack needs a holdout set"
    if any(np.isnan(side).any() for side in sides):
        return "gradient norms were not asked for" if name == "gradient_norm" else "some rows are too short to score"
    return ""


def _areas(sides: tuple[np.ndarray, np.ndarray], resampler: Resampler) -> tuple[float, np.ndarray]:
    draws = [resampler.draw(len(side), name) for side, name in zip(sides, ("forget", "holdout"), strict=True)]
    return float(auc(*sides)), auc(*(side[draw] for side, draw in zip(sides, draws, strict=True)))


def _privacy_leakage(
    ours: tuple[float, np.ndarray] | None,
    theirs: tuple[np.ndarray, np.ndarray] | None,
    reason: str,
    published_auc: float | None,
    resampler: Resampler,
) -> dict:
    if ours is None:
        return absent("privacy_leakage", "a membership attack needs a holdout set")
    if theirs is not None and not _lacking(theirs, "min_k", reason):
        gold = _areas(theirs, resampler)
    elif published_auc is not None:
        gold = (published_auc, np.full_like(ours[1], published_auc))
    else:
        return absent("privacy_leakage", reason or "no retrained model")
    value, resampled = (privacy_leakage(a, b) for a, b in zip(ours, gold, strict=True))
    if not np.isfinite(value):
        return absent("privacy_leakage", "the retrained model's A is 0: nothing can be divided by it")
    return present("privacy_leakage", float(value), resampled, sum(map(len, theirs)) if theirs else len(resampled))
