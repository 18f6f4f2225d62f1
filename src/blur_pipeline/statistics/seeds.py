"""Several seeds of one configuration: their spread, the noise of the examples, and the interval that holds both."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blur_pipeline.statistics.possible import possible

ENOUGH = 3
"""Seeds from which on a mean has an interval and a test is made; below it the values themselves are shown."""
TELLING = 5
"""Seeds from which on that interval is shown. Student's reaches 2.5 standard deviations each way from three seeds, 1.2
from five; below five the range of the values says more."""
_IN_NATS = ("log_truth_ratio", "nll", "fact_nll")
P_VALUED = frozenset(
    {"forget_quality", "equivalence"}
    | {f"difference.{name}.{test}" for name in _IN_NATS for test in ("wilcoxon", "equivalence")}
    | {f"among_retrained.{name}.p" for name in _IN_NATS}
)
"""Metrics that are p-values: a mean of p-values, or a t-test between them, means nothing."""
SEED_COLUMNS = [
    *("metric", "seeds", "min", "median", "max"),
    *("mean", "sd", "seed_low", "seed_high", "below", "above", "low", "high"),
]


def over_seeds(values: pd.DataFrame) -> pd.DataFrame:
    """``metric, value, low, high``, a row a seed → ``SEED_COLUMNS``, a row a metric; all in the metric's own unit.

    ``min``, ``median``, ``max``
        of the seeds' values; with one or two seeds these are the values.
    ``mean``, ``sd``, ``seed_low``, ``seed_high``
        mean, sample standard deviation and the mean's 95 % t-interval: the unlearning's noise, which more seeds make
        smaller. NaN below ``ENOUGH`` seeds and for ``P_VALUED`` metrics.
    ``below``, ``above``
        how far one seed's 95 % interval over the examples reaches below and above its value: the median over the
        seeds. All seeds answer the same questions, so that more seeds do not make this any smaller. NaN for
        ``P_VALUED`` metrics.
    ``low``, ``high``
        95 % interval of the mean with both sources of noise. They are independent (the seed does not choose the
        questions), so their variances add; on each side the half-widths are added in quadrature, which for normal
        noise on both sides is the same and keeps Student's t and a bootstrap's skew (MOVER: Zou and Donner, 2008,
        doi:10.1002/sim.3095). Where a question's difficulty depends on the seed, that part counts twice and the
        interval is somewhat too wide. NaN where either part is.

    Neither interval reaches beyond what the metric can be (``possible``): what is cut off holds no value.

    Values 1, 2, 3, each with [−½, +1] over the examples: 2 ± 1; t = 4.303 at two degrees of freedom gives the seeds'
    [−0.484, 4.484], and both parts together [2 − √(2.484² + ½²), 2 + √(2.484² + 1²)] = [−0.534, 4.678].
    """
    from scipy.stats import t

    known = values.dropna(subset=["value"])
    known = known.assign(below=known["value"] - known["low"], above=known["high"] - known["value"])
    table = known.groupby("metric", sort=False).agg(
        seeds=("value", "count"),
        min=("value", "min"),
        median=("value", "median"),
        max=("value", "max"),
        mean=("value", "mean"),
        sd=("value", "std"),
        below=("below", "median"),
        above=("above", "median"),
    )
    table = table.reset_index()
    p_valued = table["metric"].isin(P_VALUED)
    table.loc[p_valued | (table["seeds"] < ENOUGH), ["mean", "sd"]] = np.nan
    table.loc[p_valued, ["below", "above"]] = np.nan
    # A percentile bootstrap of a skewed metric may leave out the value itself: that side then reaches nowhere.
    half = t.ppf(0.975, (table["seeds"] - 1).clip(lower=1)) * table["sd"] / np.sqrt(table["seeds"])
    least, most = np.array([possible(metric) for metric in table["metric"]]).reshape(-1, 2).T
    return table.assign(
        seed_low=np.maximum(table["mean"] - half, least),
        seed_high=np.minimum(table["mean"] + half, most),
        low=np.maximum(table["mean"] - np.hypot(half, table["below"].clip(lower=0)), least),
        high=np.minimum(table["mean"] + np.hypot(half, table["above"].clip(lower=0)), most),
    )[SEED_COLUMNS]
