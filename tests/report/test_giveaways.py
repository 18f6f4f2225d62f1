"""What gives a model away most is named, whatever the other measures say."""

import math

import pandas as pd
import pytest

from blur_pipeline.report.giveaways import giveaways, strongest_attack
from blur_pipeline.report.tables import main_metrics
from blur_pipeline.report.verdict import verdict
from tests.report.comparable import run

RETRAINED = {"membership.min_k": 0.6, "membership.loss": 0.5, "forget.exact_memorisation": 0.3}
UNLEARNED = {"membership.min_k": 0.55, "membership.loss": 0.2, "forget.exact_memorisation": 0.55}


def of(unlearned: dict = UNLEARNED, retrained: dict = RETRAINED) -> pd.DataFrame:
    """Each ± 0.05."""
    return run("npo", 0, unlearned, retrained=retrained)


@pytest.mark.parametrize(
    ("unlearned", "retrained", "strongest"),
    [
        (UNLEARNED, RETRAINED, "membership.loss"),  # 0.3 off; min_k 0.05
        (UNLEARNED, {"membership.loss": 0.25, "membership.min_k": 0.9}, "membership.min_k"),
        ({"membership.zlib": 0.8, "membership.loss": 0.3}, {}, "membership.zlib"),  # 0.3 and 0.2 from one half
        ({"membership.zlib": math.nan, "forget.rouge": 0.3}, {}, None),
    ],
)
def test_the_strongest_attack_is_the_farthest_from_its_reference(unlearned, retrained, strongest):
    assert strongest_attack(of(unlearned, retrained)) == strongest


def test_it_stands_in_the_main_table_and_in_the_verdict():
    """Min-K alone would say 0.55 against 0.6."""
    table = of()
    assert set(main_metrics(table)["metric"]) == {"membership.min_k", "membership.loss", "forget.exact_memorisation"}
    said = " ".join(verdict(table))
    assert "strongest membership attack, loss, has an AUC of 0.200 (0.500 in the retrained model)" in said
    assert "exact memorisation is 0.550 (0.300 in the retrained model)" in said
    assert "½ would be blind" in giveaways(of(retrained={}))[0]


@pytest.mark.parametrize(("value", "apart"), [(0.55, True), (0.41, True), (0.39, False), (0.3, False), (0.15, True)])
def test_an_interval_apart_from_the_retrained_model_s_is_told(value, apart):
    """0.3 ± 0.05 ends at 0.35, and 0.39 ± 0.05 begins below it."""
    said = " ".join(giveaways(of({"forget.exact_memorisation": value})))
    assert ("lies apart from the retrained model's in exact memorisation [" in said) == apart


def test_without_a_measure_there_is_no_sentence():
    assert giveaways(of({"model_utility": 0.5}, {})) == []
