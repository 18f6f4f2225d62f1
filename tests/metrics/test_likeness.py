"""How like the retrained model: against values derived by hand, and a model that has kept half."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from blur_pipeline.metrics.examples import EXAMPLE_COLUMNS
from blur_pipeline.statistics.seeds import P_VALUED
from tests.metrics.measuring import aggregated


def forget_rows(truth_ratio, nll) -> pd.DataFrame:
    rows = [f"forget-{i}" for i in range(len(nll))]
    frame = pd.DataFrame({"set": "forget", "row_id": rows, "truth_ratio": truth_ratio, "nll": nll})
    return frame.reindex(columns=EXAMPLE_COLUMNS)


@pytest.fixture(scope="module")
def retrained() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return forget_rows(np.exp(rng.normal(0, 0.4, 200)), rng.normal(3, 0.5, 200))


@pytest.fixture(scope="module")
def target(retrained) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return forget_rows(np.exp(rng.normal(-1.5, 0.5, 200)), rng.normal(0.2, 0.1, 200))


def test_the_retrained_model_beside_itself(retrained, target):
    table = aggregated(retrained, retrained, target, per=10)
    assert table.loc["forget_quality", "value"] == 1
    assert table.loc["forget_quality.d", "value"] == 0
    assert table.loc["difference.nll", "value"] == 0
    assert "equivalence" not in table.index  # nothing was tested


def test_a_model_that_is_shifted_by_a_known_amount(retrained, target):
    """NLL 0.1 higher in each row, truth ratios times e^0.05: the same of every subject, within log 1.25 = 0.223."""
    noise = np.random.default_rng(2).normal(0, 0.05, 200)
    ours = forget_rows(retrained["truth_ratio"] * np.exp(0.05 + noise), retrained["nll"] + 0.1 + noise)
    table = aggregated(ours, retrained, target, per=10)
    assert table.loc["difference.nll", "value"] == pytest.approx(0.1 + noise.mean())
    assert table.loc["difference.log_truth_ratio", "value"] == pytest.approx(0.05 + noise.mean())
    assert table.loc["difference.nll", "low"] > 0  # it differs,
    assert table.loc["difference.nll.wilcoxon", "value"] < 0.001
    assert table.loc["equivalence", "value"] < 1e-6  # and is alike within the margin all the same
    assert table.loc["difference.nll.power", "value"] > 0.99
    assert table.loc["difference.nll", ["n", "subjects"]].tolist() == [200, 20]
    p_values = {name for name in table.index if name.endswith(("wilcoxon", "equivalence"))} | {"forget_quality"}
    assert p_values <= P_VALUED  # which nobody takes a mean of


def test_the_worst_of_the_metrics_decides(retrained, target):
    noise = np.random.default_rng(2).normal(0, 0.05, 200)
    ours = forget_rows(retrained["truth_ratio"], retrained["nll"] + 1 + noise)
    ours["truth_ratio"] *= np.exp(noise)
    table = aggregated(ours, retrained, target, per=10)
    assert table.loc["difference.log_truth_ratio.equivalence", "value"] < 1e-6
    assert table.loc["equivalence", "value"] == table.loc["difference.nll.equivalence", "value"] > 0.99


def test_a_model_that_kept_half_is_not_called_alike_whatever_forget_quality_says(retrained):
    """Every second row is the target's, whose truth ratios lie 0.4 lower (of a scatter of 0.4): Kolmogorov and Smirnov
    find nothing at 5 % in 40 rows, and the stated power says how seldom they would. The NLL shows it."""
    rng = np.random.default_rng(1)
    few = retrained.head(40)
    known = forget_rows(few["truth_ratio"] * np.exp(rng.normal(-0.4, 0.2, 40)), rng.normal(0.2, 0.1, 40))
    ours = few.copy()
    ours.loc[::2, ["truth_ratio", "nll"]] = known.loc[::2, ["truth_ratio", "nll"]]
    table = aggregated(ours, few, known, per=2)
    passed = ks_2samp(ours["truth_ratio"], few["truth_ratio"]).pvalue
    assert table.loc["forget_quality", "value"] == pytest.approx(passed)
    assert passed > 0.05
    assert table.loc["forget_quality.power", "value"] < 0.6
    assert table.loc["equivalence", "value"] > 0.99


def test_what_cannot_be_compared_says_why(retrained):
    assert aggregated(retrained, reason="none was trained").loc["forget_quality", "reason"] == "none was trained"
    other = retrained.assign(row_id=[f"x{i}" for i in range(200)])
    assert "other forget rows" in aggregated(retrained, other).loc["forget_quality", "reason"]
    bare = aggregated(retrained.assign(truth_ratio=math.nan), retrained)
    assert "no paraphrased and perturbed" in bare.loc["forget_quality", "reason"]
    assert "difference.nll" in bare.index
    assert "difference.log_truth_ratio" not in bare.index


def test_a_probability_of_nothing_is_no_infinity(retrained, target):
    """One fact at 0 made the difference infinite and the equivalence no number; now it is 708 nats off."""
    ours, theirs, known = (frame.assign(fact_probability=0.5) for frame in (retrained, retrained, target))
    ours.loc[0, "fact_probability"] = 0.0
    table = aggregated(ours, theirs, known, per=10)
    assert table.loc["difference.fact_nll", "value"] == pytest.approx(
        (-math.log(np.finfo(float).tiny) + math.log(0.5)) / 200
    )
    assert 0 < table.loc["equivalence", "value"] < 1


def test_what_cannot_be_tested_is_absent_with_its_reason(retrained, target):
    """Each NLL half a nat higher: the difference does not scatter, and Student's test has nothing to divide by."""
    rng = np.random.default_rng(3)
    ours = forget_rows(retrained["truth_ratio"] * np.exp(rng.normal(0, 0.1, 200)), retrained["nll"].round(3) + 0.5)
    table = aggregated(ours, retrained.assign(nll=retrained["nll"].round(3)), target, per=200)
    why = "fewer than two subjects"
    assert table.loc["equivalence", "reason"] == f"difference.log_truth_ratio: {why}; difference.nll: {why}"
    constant = forget_rows(ours["truth_ratio"], np.full(200, 1.5))
    table = aggregated(constant, retrained.assign(nll=1.0), target, per=10)
    assert math.isnan(table.loc["equivalence", "value"])
    assert (
        table.loc["equivalence", "reason"] == "difference.nll: the same of every subject, so that no test is possible"
    )
    row = table.loc["difference.nll"]
    assert (row["value"], row["reason"]) == (0.5, "no interval: resampled subjects all give this value")
    assert math.isnan(row["low"])
    assert table.loc["difference.nll.equivalence", "reason"] == "the same of every subject, so that no test is possible"


def test_a_difference_counts_the_rows_that_have_one(retrained, target):
    facts = [frame.assign(fact_probability=0.5) for frame in (retrained, retrained, target)]
    facts[0]["fact_probability"] = np.where(np.arange(200) < 90, np.linspace(0.3, 0.6, 200), math.nan)
    table = aggregated(*facts, per=10)
    for name in ("", ".wilcoxon", ".equivalence", ".power"):
        assert table.loc[f"difference.fact_nll{name}", ["n", "subjects"]].tolist() == [90, 9]
    assert table.loc["difference.nll", "n"] == 200
