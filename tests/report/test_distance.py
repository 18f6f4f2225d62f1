"""How far a run is from a model that never knew: by hand."""

import math

import pytest

from blur_pipeline.config.comparison import Comparison, Yardstick
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.report.distance import references, with_distance
from tests.report.comparable import run, runs_of

TARGET = {"forget.probability": 0.9, "forget.rouge": 0.8, "model_utility": 0.5, "membership.loss": 1.0}
RETRAINED = {"forget.probability": 0.2, "forget.rouge": 0.3, "model_utility": 0.5, "membership.loss": 0.6}


def numbers(runs, metric: str, model: str = "unlearned") -> list[float]:
    rows = runs[(runs["metric"] == metric) & (runs["model"] == model)]
    return rows[["value", "low", "high"]].iloc[-1].tolist()


def one(values: dict, **models) -> object:
    return run("npo", 0, values, target=TARGET, **models)


def test_overshooting_is_as_far_as_falling_short():
    """0.1 is as far below the retrained model's 0.2 as 0.3 is above; with ± 0.05 both are 0.05 to 0.15 off."""
    about = {"forget.rouge": 0.3, "model_utility": 0.5}
    for probability in (0.1, 0.3):
        runs = with_distance(one({"forget.probability": probability, **about}, retrained=RETRAINED), Comparison())
        assert numbers(runs, "gap.forget.probability") == pytest.approx([0.1, 0.05, 0.15])


def test_an_interval_that_holds_the_reference_reaches_down_to_it():
    """0.22 ± 0.05 about 0.2: from 0 to 0.07."""
    values = {"forget.probability": 0.22, "forget.rouge": 0.3, "model_utility": 0.5}
    runs = with_distance(one(values, retrained=RETRAINED), Comparison())
    assert numbers(runs, "gap.forget.probability") == pytest.approx([0.02, 0.0, 0.07])


def test_the_worst_attack_counts():
    """AUC 0.9 against the retrained model's 0.6, over ½: 0.6, more than the answers' gaps of 0.1."""
    values = {"forget.probability": 0.1, "forget.rouge": 0.4, "model_utility": 0.5, "membership.loss": 0.9}
    runs = one(values, retrained=RETRAINED)
    assert numbers(with_distance(runs, Comparison()), "distance") == pytest.approx([0.6, 0.5, 0.7])
    assert numbers(with_distance(runs, Comparison(attack_scale=None)), "distance")[0] == pytest.approx(0.1)
    # The target is measured like any other: 0.7 and 0.5 off in its answers, 0.8 under attack. The retrained is at 0.
    assert numbers(with_distance(runs, Comparison()), "distance", "target")[0] == pytest.approx(0.8)
    assert numbers(with_distance(runs, Comparison()), "distance", "retrained")[0] == 0


def test_without_a_retrained_model_attacks_are_held_to_one_half():
    """AUC 0.3: 0.2 under ½, over ½ 0.4; the answers to what stands in, 0 and 0.3."""
    sticks = [Yardstick(metric="forget.probability"), Yardstick(metric="forget.rouge", without_retrained=0.3)]
    values = {"forget.probability": 0.1, "forget.rouge": 0.35, "model_utility": 0.5, "membership.loss": 0.3}
    comparison = Comparison(distance=sticks)
    runs = one(values)
    ranked = with_distance(runs, comparison)
    gaps = {m: numbers(ranked, f"gap.{m}")[0] for m in ("forget.probability", "forget.rouge", "membership.loss")}
    assert gaps == pytest.approx({"forget.probability": 0.1, "forget.rouge": 0.05, "membership.loss": 0.4})
    told = references(runs, comparison).set_index("measure")
    assert told["reference"].tolist() == [0, 0.3, 0.5]
    assert "stand-in" in told.loc["forget.probability", "which is"]
    assert "blind" in told.loc["membership.loss", "which is"]


def test_chance_is_a_reference_and_a_floor_of_utility():
    """WMDP at 0.1 is as wrong as at 0.4: 0.15/0.75. MMLU 0.45 of the target's 0.65 keeps half of what is above 0.25."""
    comparison = Comparison(
        distance=[Yardstick(metric="bio", to=0.25, scale=0.75)], utility="mmlu", utility_chance=0.25
    )
    runs = run("rmu", 0, {"bio": 0.1, "mmlu": 0.45}, target={"bio": 0.6, "mmlu": 0.65})
    ranked = with_distance(runs, comparison)
    assert numbers(ranked, "distance")[0] == pytest.approx(0.2)
    assert numbers(ranked, "utility_kept") == pytest.approx([0.5, 0.375, 0.625])


def test_all_runs_are_held_to_the_attacks_that_all_have():
    """One run was spared the attack: it must not be the better for it."""
    about = {"forget.probability": 0.1, "forget.rouge": 0.4, "model_utility": 0.5}
    other = run("ga", 0, {**about, "membership.loss": 1.0}, target=TARGET, retrained=RETRAINED)
    ranked = with_distance(runs_of(one(about, retrained=RETRAINED), other), Comparison())
    assert numbers(ranked, "distance")[0] == pytest.approx(0.1)
    assert not (ranked["metric"] == "gap.membership.loss").any()


def test_an_optional_measure_counts_where_every_run_has_it():
    """0.9 less the retrained model's 0.4; where one run lacks it, none is held to it."""
    sticks = [Yardstick(metric="forget.probability"), Yardstick(metric="forget.fact_probability", optional=True)]
    values = {"forget.probability": 0.1, "forget.fact_probability": 0.9, "model_utility": 0.5}
    runs = one(values, retrained={**RETRAINED, "forget.fact_probability": 0.4})
    assert numbers(with_distance(runs, Comparison(distance=sticks)), "distance")[0] == pytest.approx(0.5)
    other = run("ga", 0, {"forget.probability": 0.1, "model_utility": 0.5}, target=TARGET, retrained=RETRAINED)
    ranked = with_distance(runs_of(runs, other), Comparison(distance=sticks))
    assert numbers(ranked, "distance")[0] < 0.5


def test_a_run_that_lacks_a_measure_has_no_distance():
    other = run("ga", 0, {"forget.probability": 0.1, "forget.rouge": math.nan, "model_utility": 0.5})
    values = {"forget.probability": 0.1, "forget.rouge": 0.4, "model_utility": 0.5}
    ranked = with_distance(runs_of(one(values, retrained=RETRAINED), other), Comparison())
    assert all(math.isnan(x) for x in numbers(ranked, "distance"))


def test_a_target_without_utility_has_nothing_to_keep():
    runs = run("npo", 0, {"forget.probability": 0.1, "forget.rouge": 0.4, "model_utility": 0.0},
               target={**TARGET, "model_utility": 0.0})  # fmt: skip
    assert all(math.isnan(x) for x in numbers(with_distance(runs, Comparison()), "utility_kept"))


@pytest.mark.parametrize(
    ("comparison", "message"),
    [
        (Comparison(utility="general.mmlu.acc"), "'comparison.utility': no run to be ranked has the metric 'general.m"),
        (Comparison(distance=[Yardstick(metric="verbmem")]), "'comparison.distance': no run.*such as forget.prob"),
        (Comparison(distance=[Yardstick(metric="forget_quality")]), "'forget_quality' is a p-value"),
    ],
)
def test_a_metric_that_no_run_has_is_named(comparison, message):
    values = {"forget.probability": 0.1, "forget.rouge": 0.4, "model_utility": 0.5, "verbmem": math.nan}
    with pytest.raises(BadInputError, match=message):
        with_distance(one(values), comparison)
