"""How like the retrained model a model is on the forget set: TOFU's forget quality, and tests that can say "alike".

A Kolmogorov–Smirnov p-value above 0.05 says that no difference was found, not that there is none: at 40 rows a model
that kept half of the knowledge mostly passes. So its power stands beside it, and equivalence is tested for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from blur_pipeline.metrics.tofu import forget_quality
from blur_pipeline.statistics import equivalence as tests
from blur_pipeline.statistics.intervals import absent, count, if_they_vary, interval_of_mean, present, without_interval

KEYS = ["set", "row_id"]


def _log(column: pd.Series) -> pd.Series:
    """At most 709 nats to either side: of a wrecked model a probability may be 0, and one infinity would be all."""
    numbers = np.finfo(np.float64)
    return np.log(column.astype(np.float64).clip(numbers.tiny, numbers.max))


IN_NATS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "log_truth_ratio": lambda examples: _log(examples["truth_ratio"]),
    "nll": lambda examples: examples["nll"].astype(np.float64),
    "fact_nll": lambda examples: -_log(examples["fact_probability"]),
}
"""What two models are compared in, example by example."""


def likeness_rows(
    examples: pd.DataFrame, retrained: pd.DataFrame, target: pd.DataFrame, reason: str, ratio: float, seed: int
) -> list[dict]:
    """Rows of the metrics table about the forget set; ``reason`` is why there is no retrained model.

    ``forget_quality``        p-value of the Kolmogorov–Smirnov test between the truth ratios (TOFU), without interval.
    ``forget_quality.d``      its statistic: the largest distance between the two distributions.
    ``forget_quality.power``  share of models that have kept half of what the target knows that the test would find.
    ``difference.M``          mean of M less the retrained model's, by subject; M is the log truth ratio, the NLL and
                              the NLL of the fact, each in nats;
    ``….wilcoxon``            p-value of the signed-rank test over subjects,
    ``….equivalence``         p-value of two one-sided tests: small says that the difference is within ± log ``ratio``,
    ``….power``               chance of that where the two are the same, at this scatter.
    ``equivalence``           the largest of the equivalence p-values: small says alike in all of them.
    """
    if retrained.empty:
        return [absent("forget_quality", reason or "no retrained model")]
    forget, gold, known = (_forget(frame) for frame in (examples, retrained, target))
    if not forget.index.equals(gold.index):
        return [absent("forget_quality", "the retrained model's scores are of other forget rows")]
    rows = list(_quality(forget, gold, known, seed))
    found, lacking = [], []
    for name, ours, theirs in _compared(forget, gold):
        gaps = tests.by_subject(ours, theirs, forget["subject"].to_numpy())
        metric, n = f"difference.{name}", int(np.isfinite(ours - theirs).sum())
        mean = present(metric, float(np.mean(gaps)), interval_of_mean(gaps), n, len(gaps))
        if not np.any(gaps):  # it is the retrained model itself
            rows.append(mean)
            continue
        tested, why = tests.equivalence(gaps, np.log(ratio)), tests.untested(gaps)
        rows += [if_they_vary(mean), without_interval(f"{metric}.wilcoxon", tests.wilcoxon(gaps), n, len(gaps))]
        if why:
            lacking.append(f"{metric}: {why}")
            rows += [absent(f"{metric}.equivalence", why), absent(f"{metric}.power", why)]
            continue
        found.append(tested.p)
        power = tests.equivalence_power(gaps, np.log(ratio))
        rows.append(without_interval(f"{metric}.equivalence", tested.p, n, len(gaps)))
        rows.append(without_interval(f"{metric}.power", power, n, len(gaps)))
    if lacking:
        rows.append(absent("equivalence", "; ".join(lacking)))
    elif found:
        rows.append(without_interval("equivalence", float(np.max(found)), len(forget), count(forget["subject"])))
    return rows


def _quality(forget: pd.DataFrame, gold: pd.DataFrame, known: pd.DataFrame, seed: int) -> Iterator[dict]:
    ours, theirs = forget["truth_ratio"].to_numpy(np.float64), gold["truth_ratio"].to_numpy(np.float64)
    if np.isnan(ours).any() or np.isnan(theirs).any() or not len(ours):
        yield absent("forget_quality", "the forget set has no paraphrased and perturbed answers")
        return
    n, subjects = len(ours), count(forget["subject"])
    statistic, p = forget_quality(ours, theirs)
    yield without_interval("forget_quality", p, n, subjects)
    yield without_interval("forget_quality.d", statistic, n, subjects)
    if known.index.equals(gold.index):
        power = tests.ks_power(theirs, known["truth_ratio"].to_numpy(np.float64), seed)
        yield without_interval("forget_quality.power", power, n, subjects)


def _compared(forget: pd.DataFrame, gold: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for name, measure in IN_NATS.items():
        ours, theirs = (measure(frame).to_numpy(np.float64) for frame in (forget, gold))
        if np.isfinite(ours - theirs).any():
            yield name, ours, theirs


def _forget(examples: pd.DataFrame) -> pd.DataFrame:
    return examples[examples["set"] == "forget"].set_index(KEYS).sort_index() if len(examples) else examples
