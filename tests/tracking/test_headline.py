"""The headline: what the leaderboard ranks by and shows, of one run."""

import math

import pandas as pd

from blur_pipeline.config.comparison import Comparison, Yardstick
from blur_pipeline.tracking.headline import headline, headline_names, headline_table, not_yet, of_seeds
from tests.report.comparable import run

COMPARISON = Comparison(
    distance=[Yardstick(metric="forget.probability"), Yardstick(metric="forget.rouge", optional=True)],
    shown=["forget_quality", "forget.probability"],
    attack_scale=None,
)
METRICS = run(
    "npo",
    0,
    {"forget.probability": 0.41236, "model_utility": 0.4, "forget_quality": 0.3},
    target={"forget.probability": 1.0, "model_utility": 0.5},
    retrained={"forget.probability": 0.2, "model_utility": 0.5},
)


def test_distance_and_utility_come_first_and_each_name_once():
    """|0.41236 − 0.2| / 1, and 0.4 of 0.5 kept; four digits."""
    found = headline(METRICS, COMPARISON)
    assert list(found.items()) == [
        ("headline/distance", 0.2124),
        ("headline/utility_kept", 0.8),
        ("headline/forget_quality", 0.3),
        ("headline/forget.probability", 0.4124),
        ("headline/model_utility", 0.4),
    ]


def test_before_anything_is_measured_every_name_is_there():
    names = not_yet(COMPARISON, attacked=True)
    assert list(names) == [f"headline/{name}" for name in headline_names(COMPARISON)]
    assert names.keys() - not_yet(COMPARISON, attacked=False).keys() == {"headline/stress.residual_knowledge"}
    assert all(math.isnan(value) for value in names.values())
    assert min(["unlearned/x", "retrained/x", "over_seeds/x", *names]) == "headline/distance"  # how pages sort groups


def test_a_measure_that_was_not_made_leaves_the_distance_out():
    other = COMPARISON.model_copy(update={"distance": [Yardstick(metric="verbmem")]})
    found = headline(METRICS, other)
    assert "headline/distance" not in found
    assert found["headline/forget_quality"] == 0.3


def test_the_table_has_all_models_in_the_same_order():
    table = headline_table(METRICS, COMPARISON).set_index("metric")
    assert list(table.index) == ["distance", "utility_kept", "forget_quality", "forget.probability", "model_utility"]
    assert table.loc["distance", ["target", "retrained", "unlearned"]].tolist() == [
        "0.800 [0.750, 0.850]", "0.000 [0.000, 0.050]", "0.212 [0.162, 0.262]",
    ]  # fmt: skip


def test_over_seeds_it_is_the_means():
    seeds = pd.DataFrame({"metric": ["forget.probability", "forget_quality", "other"], "mean": [0.25, math.nan, 1.0]})
    assert of_seeds(seeds, COMPARISON) == {"headline/forget.probability": 0.25}
