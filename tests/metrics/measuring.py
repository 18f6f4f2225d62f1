"""What tests of aggregates share."""

import pandas as pd

from blur_pipeline.metrics.aggregate import aggregate
from blur_pipeline.metrics.subjects import with_subjects
from blur_pipeline.statistics.intervals import Resampler

NO_MODEL = pd.DataFrame()


def aggregated(examples, retrained=NO_MODEL, target=NO_MODEL, reason="", samples=200, published_auc=None, per=1,
               further=NO_MODEL):  # fmt: skip
    """The table by metric; every ``per`` rows of a set, in their order, are one subject."""
    others = {"retrained": about(retrained, per), "target": about(target, per), "further": further}
    table = aggregate(about(examples, per), others, reason, Resampler(samples, 0), 1.25, published_auc)
    return table.set_index("metric")


def about(examples: pd.DataFrame, per: int = 1) -> pd.DataFrame:
    """With subjects, as the evaluation set names them."""
    if examples.empty:
        return examples
    number = examples.groupby("set", sort=False).cumcount() // per
    named = examples[["set", "row_id"]].assign(subject=examples["set"] + "/" + number.astype(str))
    return with_subjects(examples, named)
