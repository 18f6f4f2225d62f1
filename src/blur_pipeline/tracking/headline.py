"""The few numbers of a run that are looked at first: what the leaderboard ranks by and shows, as ``headline/…``.

MLflow lists metrics in the order in which they first came, and groups them by what stands before the slash. So the
headline is there from the start of a run, as NaN until it is measured, and its group is the first of the alphabet.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.report.distance import DISTANCE, UTILITY, with_distance
from blur_pipeline.report.residual import RESIDUAL
from blur_pipeline.report.tables import side_by_side

if TYPE_CHECKING:
    import pandas as pd

    from blur_pipeline.config.comparison import Comparison

HEADLINE = "headline/"
DIGITS = 4
"""Of a number as it stands in lists; ``unlearned/…`` has all of them."""


def headline_names(comparison: Comparison) -> list[str]:
    """Distance, utility kept and what comes back under attack, then the metrics that they are made of or that stand
    beside them."""
    measured = [*comparison.shown, *(stick.metric for stick in comparison.distance), comparison.utility]
    return list(dict.fromkeys([DISTANCE, UTILITY, RESIDUAL, *measured]))


def not_yet(comparison: Comparison, attacked: bool) -> dict[str, float]:
    """The headline of a run that has measured nothing."""
    names = [name for name in headline_names(comparison) if attacked or name != RESIDUAL]
    return {f"{HEADLINE}{name}": math.nan for name in names}


def headline(metrics: pd.DataFrame, comparison: Comparison) -> dict[str, float]:
    """Of ``model, metric, value, low, high``: what is known of the unlearned model."""
    ours = _with_distance(metrics, comparison).query("model == 'unlearned'")
    return _known(ours.set_index("metric")["value"], comparison)


def headline_table(metrics: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """The same of all models side by side, with intervals, in the order of the headline."""
    table = side_by_side(_with_distance(metrics, comparison)).set_index("metric")
    return table.loc[[name for name in headline_names(comparison) if name in table.index]].reset_index()


def of_seeds(seed_table: pd.DataFrame, comparison: Comparison) -> dict[str, float]:
    """Means over the seeds; there is none of p-values, and none of fewer than three seeds."""
    return _known(seed_table.set_index("metric")["mean"], comparison)


def _known(values: pd.Series, comparison: Comparison) -> dict[str, float]:
    found = {name: float(values.get(name, math.nan)) for name in headline_names(comparison)}
    return {f"{HEADLINE}{name}": float(f"{x:.{DIGITS}g}") for name, x in found.items() if math.isfinite(x)}


def _with_distance(metrics: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """As it is where a measure of the distance was not made, as of a benchmark's documents without questions."""
    runs = metrics.assign(run_id="here")
    try:
        return with_distance(runs, comparison)
    except BadInputError:
        return runs
