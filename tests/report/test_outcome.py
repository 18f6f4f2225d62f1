"""The outcome in one of four states: at its limits, on both sides of the reference, and where nothing can be said."""

import math

import pandas as pd
import pytest

from blur_pipeline.config.comparison import Comparison, Yardstick
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.report.outcome import Outcome, outcome
from tests.config.test_parameters import load
from tests.conftest import PROJECT
from tests.report.attacked import metrics_of
from tests.report.comparable import run

TARGET = {"forget.probability": 0.95, "forget.rouge": 0.9, "model_utility": 0.6, "membership.loss": 1.0}
RETRAINED = {"forget.probability": 0.2, "forget.rouge": 0.3, "model_utility": 0.6, "membership.loss": 0.5}
LIKE = {**RETRAINED, "forget.probability": 0.25, "membership.loss": 0.55}
COMPARISON = Comparison()


def of(
    values: dict, target: dict = TARGET, retrained: dict | None = RETRAINED, comparison=COMPARISON, **attacked
) -> Outcome:
    """``attacked``: the rows ``found`` by attacks, and the limit ``above`` which they decide."""
    models = {"target": target} | ({} if retrained is None else {"retrained": retrained})
    table = pd.concat([run("npo", 0, values, **models), attacked.get("found")])
    return outcome(table, comparison, limit=0.2, residual_limit=attacked.get("above", 0.2))


def test_forgotten_and_kept_names_the_worst_measure():
    """Gaps 0.05 and 0.05/0.5 = 0.1; all of the utility."""
    found = of(LIKE)
    assert found.state == "forgotten and kept"
    assert "membership.loss: 0.550 [0.500, 0.600] where 0.500 is wanted, 0.10 of its scale" in found.reason
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
        (
            {"forget.exact_memorisation": 0.75},
            "not forgotten",
            "forget.exact_memorisation: 0.750 [0.700, 0.800]",
        ),
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


def test_documents_which_are_not_answered_are_decided_without_rouge():
    """Of the environment for files of one's own, whose rows may be documents alone."""
    comparison = check_parameters(load(PROJECT, "own_data")).comparison
    values = {name: value | {"retain.probability": 0.5} for name, value in
              (("unlearned", LIKE), ("target", TARGET), ("retrained", RETRAINED))}  # fmt: skip
    for value in values.values():
        del value["forget.rouge"]
    found = of(values["unlearned"], values["target"], values["retrained"], comparison)
    assert found.state == "forgotten and kept"


def test_a_value_from_few_subjects_is_told_with_what_chance_may_do():
    metrics = run("npo", 0, {**LIKE, "forget.probability": 0.45}, target=TARGET, retrained=RETRAINED)
    found = outcome(metrics.assign(low=math.nan, high=math.nan), COMPARISON, limit=0.2, residual_limit=0.2)
    assert found.state == "not forgotten"
    assert "forget.probability: 0.450 (too few subjects for an interval: chance may have a part in it)" in found.reason


def test_a_target_that_would_pass_too_decides_nothing():
    assert "knows it all" in of(LIKE, target=LIKE).reason


def test_without_a_retrained_model_it_must_be_told_where_to_come_to_lie():
    found = of(LIKE, retrained=None)
    assert found.state == "not decidable here"
    assert "forget.probability, forget.rouge" in found.reason
    told = Comparison(distance=[Yardstick(metric="forget.probability", to=0.25)])
    assert of(LIKE, retrained=None, comparison=told).state == "forgotten and kept"  # attacks are held to ½


def test_what_is_known_by_heart_can_be_told_too():
    """The sentence asks for 'to'; whoever gave it for extraction and memorisation was told the same again."""
    heart = {"forget.extraction_strength": 0.1, "forget.exact_memorisation": 0.55}
    values, target = LIKE | heart, TARGET | dict.fromkeys(heart, 1.0)
    sticks = [Yardstick(metric="forget.probability", to=0.25)]
    found = of(values, target=target, retrained=None, comparison=Comparison(distance=sticks))
    assert "nobody knows where forget.extraction_strength, forget.exact_memorisation should lie" in found.reason
    sticks += [Yardstick(metric=name, to=value - 0.05) for name, value in heart.items()]
    found = of(values, target=target, retrained=None, comparison=Comparison(distance=sticks))
    assert found.state == "forgotten and kept"


BACK = metrics_of(0.38, 0.21, 0.52, relearn=0.38, prompts=0.02)


def test_a_model_whose_knowledge_comes_back_has_not_forgotten():
    """As like the retrained model as before, and all the same it was still there."""
    found = of(LIKE, found=BACK)
    assert found.state == "not forgotten"
    assert (
        "0.10 of its scale, within the limit of 0.2; 100% of the utility is kept; but it is not gone:" in found.reason
    )
    assert "is 38 % [21, 52], by attack relearn: its whole interval lies above the limit of 20%." in found.reason


@pytest.mark.parametrize(("interval", "above", "word"), [
    ((0.38, 0.21, 0.52), 0.4, "It is not gone"),  # above 20 % for certain, and not above the user's limit
    ((0.38, 0.21, 0.52), None, "It is not gone"),
    ((0.19, 0.1, 0.5), 0.2, "at this budget is open"),
    ((0.19, math.nan, math.nan), 0.2, "at this budget is open"),
    ((0.03, 0.0, 0.08), 0.2, "It held against these 2 attacks at this budget"),
    ((math.nan, math.nan, math.nan), 0.2, "is not concluded: every attack is void"),
])  # fmt: skip
def test_what_is_not_above_the_limit_is_told_and_decides_nothing(interval, above, word):
    attacked = metrics_of(*interval, reason="every attack is void", relearn=0.1, prompts=0.0)
    found = of(LIKE, found=attacked, above=above)
    assert found.state == "forgotten and kept"
    assert word in found.reason


@pytest.mark.parametrize(("interval", "why"), [
    ((0.3, 0.1, 0.5), "its interval does not lie above it as a whole"),
    ((1.0, math.nan, math.nan), "from so few subjects"),  # of one person all is still there
])  # fmt: skip
def test_what_is_above_the_limit_and_perhaps_by_chance_is_not_called_forgotten(interval, why):
    """A request is mostly about one person, of whom there is no interval: it passed with all of its knowledge left."""
    found = of(LIKE, found=metrics_of(*interval, relearn=interval[0], prompts=0.0))
    assert found.state == "not decidable here"
    assert why in found.reason
    assert "by attack relearn, above the limit of 20%" in found.reason


def test_what_was_not_looked_at_is_said():
    assert "No attack was made" in of(LIKE).reason
    assert "no holdout" not in of(LIKE).reason
    assert "No attack was made" not in of(LIKE, found=metrics_of(0.03, 0.0, 0.08, relearn=0.03)).reason
    apart = [dict(of) for of in (LIKE, TARGET, RETRAINED)]
    for values in apart:
        del values["membership.loss"]
    assert "No membership attack was made: there is no holdout." in of(*apart).reason
    metrics = run("npo", 0, LIKE, target=TARGET, retrained=RETRAINED)
    short = metrics["metric"].str.startswith("membership.") & (metrics["model"] == "unlearned")
    metrics = metrics.assign(value=metrics["value"].mask(short), reason=short.map({True: "too short", False: ""}))
    assert "was made: too short." in outcome(metrics, COMPARISON, limit=0.2, residual_limit=0.2).reason


def test_what_comes_back_decides_where_nobody_knows_where_the_measures_should_lie():
    """Without a retrained model the control of the attacks is the holdout."""
    found = of(LIKE, retrained=None, found=BACK)
    assert found.state == "not forgotten"
    assert found.reason.startswith("it is not gone: worst-case residual knowledge is 38 % [21, 52]")
    assert "Beside that, without a retrained model nobody knows where" in found.reason


@pytest.mark.parametrize("change", [{"model_utility": 0.4}, {"forget.probability": 0.45}])
def test_attacks_do_not_change_what_the_measures_have_decided(change):
    assert of(LIKE | change, found=BACK) == of(LIKE | change)


def test_a_target_without_utility_decides_nothing():
    assert "no model_utility that could be kept" in of(LIKE, target={**TARGET, "model_utility": 0.0}).reason
