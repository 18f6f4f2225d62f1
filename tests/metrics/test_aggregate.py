"""Aggregates over examples against values derived by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.examples import EXAMPLE_COLUMNS
from tests.metrics.measuring import aggregated


def full_examples(shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sets = ["forget"] * 30 + ["retain"] * 30 + ["real_authors"] * 20 + ["world_facts"] * 20
    values = rng.uniform(0.3, 0.9, (len(sets), 3))
    frame = pd.DataFrame(
        {
            "set": sets,
            "row_id": [f"r{i}" for i in range(len(sets))],
            "probability": values[:, 0],
            "rouge": values[:, 1],
            "truth_ratio": values[:, 2] + shift,
            "truth_score": values[:, 2],
        }
    )
    return frame.reindex(columns=EXAMPLE_COLUMNS)


def test_aggregates_are_means_inside_their_intervals():
    examples = full_examples()
    table = aggregated(examples, examples, samples=500)
    nine = []
    for name in ("retain", "real_authors", "world_facts"):
        part = examples[examples["set"] == name]
        nine += [part["probability"].mean(), part["rouge"].mean(), part["truth_score"].mean()]
        assert table.loc[f"{name}.rouge", "value"] == pytest.approx(part["rouge"].mean())
    assert table.loc["model_utility", "value"] == pytest.approx(9 / sum(1 / x for x in nine))
    assert table.loc["forget_quality", "value"] == 1.0
    assert math.isnan(table.loc["forget_quality", "low"])  # a p-value has no interval
    measured = table[~table.index.str.startswith(("forget_quality", "difference", "membership", "privacy"))]
    assert (measured["reason"] == "").all()
    assert (measured["low"] <= measured["value"]).all()
    assert (measured["value"] <= measured["high"]).all()


def test_an_interval_covers_what_the_normal_approximation_says():
    examples = full_examples()
    row = aggregated(examples, examples, samples=4000).loc["forget.rouge"]
    values = examples.loc[examples["set"] == "forget", "rouge"]
    half = 1.96 * values.std(ddof=0) / math.sqrt(len(values))
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half, rel=0.1)


def test_what_cannot_be_had_is_absent_with_its_reason():
    examples = full_examples().query("set != 'world_facts'")
    examples.loc[examples["set"] == "retain", "truth_score"] = np.nan
    table = aggregated(examples, reason="none was trained")
    assert table.loc["forget_quality", "reason"] == "none was trained"
    assert math.isnan(table.loc["forget_quality", "value"])
    assert "retain.truth_ratio" in table.loc["model_utility", "reason"]
    assert "world_facts.probability" in table.loc["model_utility", "reason"]
    assert table.loc["retain.truth_ratio", "reason"]
