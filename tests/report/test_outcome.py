"""The outcome in one of four states: at its limits, on both sides of the reference, and where nothing can be said."""

import math

import pytest

from blur_pipeline.config.comparison import Comparison, Yardstick
from blur_pipeline.report.outcome import outcome
from tests.report.comparable import run

TARGET = {"forget.probability": 0.95, "forget.rouge": 0.9, "model_utility": 0.6, "membership.loss": 1.0}
RETRAINED = {"forget.probability": 0.2, "forget.rouge": 0.3, "model_utility": 0.6, "membership.loss": 0.5}
LIKE = {**RETRAINED, "forget.probability": 0.25, "membership.loss": 0.55}
COMPARISON = Comparison()


def of(values: dict, target: dict = TARGET, retrained: dict | None = RETRAINED, comparison=COMPARISON):
    models = {"target": target} | ({} if retrained is None else {"retrained": retrained})
    return outcome(run("npo", 0, values, **models), comparison, limit=0.2)


def test_forgotten_and_kept_names_the_worst_measure():
    """Gaps 0.05 and 0.05/0.5 = 0.1; all of the utility."""
    found = of(LIKE)
    assert found.state == "forgotten and kept"
    assert "membership.loss: 0.550 where 0.500 is wanted, 0.10 of its scale" in found.reason
    assert "100% of the utility" in found.reason


@pytest.mark.parametrize(
    ("change", "state", "word"),
    [
        ({"forget.probability": 0.45}, "not forgotten", "towards the target model's 0.950"),
        ({"membership.loss": 0.65}, "not forgotten", "membership.loss"),  # 0.3 of its scale
        ({"membership.loss": 0.05}, "damaged", "overshot"),
        ({"forget.rouge": 0.0}, "damaged", "away from the target model's 0.900"),
        ({"model_utility": 0.4}, "damaged", "67% of the target model's, less than 80%"),
        ({"forget.extraction_strength": 0.5}, "not forgotten", "forget.extraction_strength"),
        ({"forget.exact_memorisation": 0.75}, "not forgotten", "forget.exact_memorisation: 0.750 where 0.500"),
        ({"forget.rouge": math.nan}, "not decidable here", "no value of forget.rouge"),
    ],
)
def test_one_measure_decides(change, state, word):
    wanted = RETRAINED | {"forget.extraction_strength": 0.05, "forget.exact_memorisation": 0.5}
    target = TARGET | {"forget.extraction_strength": 0.9, "forget.exact_memorisation": 1.0}
    like = LIKE | {"forget.extraction_strength": 0.06, "forget.exact_memorisation": 0.52}
    found = of({**like, **change}, target, wanted)
    assert found.state == state
    assert word in found.reason


def test_a_target_that_would_pass_too_decides_nothing():
    assert "knows it all" in of(LIKE, target=LIKE).reason


def test_without_a_retrained_model_it_must_be_told_where_to_come_to_lie():
    found = of(LIKE, retrained=None)
    assert found.state == "not decidable here"
    assert "forget.probability, forget.rouge" in found.reason
    told = Comparison(distance=[Yardstick(metric="forget.probability", to=0.25)])
    assert of(LIKE, retrained=None, comparison=told).state == "forgotten and kept"  # attacks are held to ½


def test_a_target_without_utility_decides_nothing():
    assert "no model_utility that could be kept" in of(LIKE, target={**TARGET, "model_utility": 0.0}).reason
