"""A model among several retrained ones: z², rank and likelihood ratio, against values derived by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from blur_pipeline.metrics.among_retrained import COLUMNS, log_odds_above, mean_z2
from blur_pipeline.metrics.examples import EXAMPLE_COLUMNS
from blur_pipeline.statistics.seeds import P_VALUED
from tests.metrics.measuring import aggregated

ROWS, K = 120, 8


def table(nll: np.ndarray, columns: list[str]) -> pd.DataFrame:
    """Of forget and holdout rows, half each."""
    sets = np.repeat(["forget", "holdout"], len(nll) // 2)
    return pd.DataFrame({"set": sets, "row_id": [f"r{i}" for i in range(len(nll))], "nll": nll}).reindex(
        columns=columns
    )


@pytest.fixture(scope="module")
def hard() -> np.ndarray:
    """How hard each row is, for every model that did not see it."""
    return np.random.default_rng(0).uniform(1, 4, 2 * ROWS)


def drawn(hard: np.ndarray, seed: int) -> np.ndarray:
    return hard + np.random.default_rng(seed).normal(0, 0.1, len(hard))


@pytest.fixture(scope="module")
def retrained(hard) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The retrained model and seven further ones."""
    further = [table(drawn(hard, seed), COLUMNS).assign(seed=seed) for seed in range(2, K + 1)]
    return table(drawn(hard, 1), EXAMPLE_COLUMNS), pd.concat(further)


def test_z2_by_hand():
    """0 among (−1, 1, 3): mean 1, variance 4, z² = ¼; −1 among (0, 1, 3): mean 4/3, variance 7/3, z² = 7/3."""
    found = mean_z2(np.array([[0.0], [-1.0], [1.0], [3.0]]))
    assert found[:2] == pytest.approx([1 / 4, 7 / 3])


def test_log_odds_by_hand():
    """p = ½ among ¼ and 1/10: log-odds 0, −log 3, −log 9; mean −log √27, standard deviation (log 3)/√2."""
    above = log_odds_above(-np.log([[1 / 2], [1 / 4], [1 / 10]]))
    assert above == pytest.approx(np.log(27) / 2 / (np.log(3) / np.sqrt(2)))


def test_one_more_retrained_model_is_one_of_them(hard, retrained):
    """z² has the mean (1 + 1/8)·7/5 = 1.575, its rank is uniform over seeds, LiRA sees nothing."""
    found = [
        aggregated(table(drawn(hard, seed), EXAMPLE_COLUMNS), retrained[0], further=retrained[1], per=6)["value"]
        for seed in range(20, 40)
    ]
    z2 = [values["among_retrained.nll"] for values in found]
    assert np.mean(z2) == pytest.approx(1.575, abs=0.25)
    ranks = [values["among_retrained.nll.p"] for values in found]
    assert set(np.round(np.multiply(ranks, K + 1), 9)) <= set(range(1, K + 2))
    assert 0.3 < np.mean(ranks) < 0.8
    assert np.mean([values["among_retrained.lira"] for values in found]) == pytest.approx(0.5, abs=0.05)
    assert found[0]["among_retrained.nll.lowest"] <= found[0]["among_retrained.nll.highest"]


def test_a_model_whose_differences_cancel_is_found(hard, retrained):
    """Each answer's NLL is that of another row: the same distribution, so Kolmogorov and Smirnov see none of it."""
    swapped = np.concatenate([drawn(hard, 9)[:ROWS][::-1], drawn(hard, 9)[ROWS:]])
    found = aggregated(table(swapped, EXAMPLE_COLUMNS), retrained[0], further=retrained[1], per=6)["value"]
    assert ks_2samp(swapped[:ROWS], retrained[0]["nll"][:ROWS]).pvalue > 0.9
    assert found["among_retrained.nll"] > 20 * found["among_retrained.nll.highest"]
    assert found["among_retrained.nll.p"] == pytest.approx(1 / (K + 1))
    p_values = {name for name in found.index if name.startswith("among_retrained") and name.endswith(".p")}
    assert p_values <= P_VALUED  # nobody takes a mean of them


def test_what_was_kept_is_found_by_its_likelihood(hard, retrained):
    """The forget answers have twice their log-odds' spread more than they should; 1 % of 120 holdout rows is one."""
    kept = drawn(hard, 10) - np.where(np.arange(2 * ROWS) < ROWS, 0.5, 0)
    found = aggregated(table(kept, EXAMPLE_COLUMNS), retrained[0], further=retrained[1], per=6)
    assert found.loc["among_retrained.lira", "value"] > 0.95
    assert found.loc["among_retrained.lira", "low"] > 0.85
    assert found.loc["among_retrained.lira.true_positives", "value"] > 0.3


def test_a_row_without_a_value_is_left_out_of_the_likelihood_ratio(hard, retrained):
    """One NaN made the shared deviation NaN, whatever the others were, and an AUC of ½ of it: blind."""
    kept = table(drawn(hard, 10) - np.where(np.arange(2 * ROWS) < ROWS, 0.5, 0), EXAMPLE_COLUMNS)
    gold, further = retrained
    whole = aggregated(kept, gold, further=further)
    for frame, row in ((kept, 3), (gold, 5)):
        frame = frame.assign(nll=frame["nll"].where(frame["row_id"] != f"r{row}"))
        found = aggregated(*((frame, gold) if row == 3 else (kept, frame)), further=further)
        lira = found.loc["among_retrained.lira"]
        assert lira["value"] == pytest.approx(whole.loc["among_retrained.lira", "value"], abs=0.01)
        assert (lira["n"], lira["subjects"]) == (2 * ROWS - 1, ROWS - 1)
        assert found.loc["among_retrained.lira.true_positives", "n"] == ROWS - 1
    nothing = kept.assign(nll=kept["nll"].where(kept["set"] == "forget"))
    assert aggregated(nothing, gold, further=further).loc["among_retrained.lira", "reason"] == (
        "no holdout row has an answer's likelihood in every model"
    )


def test_retrained_models_that_are_all_the_same_have_a_spread_of_next_to_nothing(hard, retrained):
    """Divided by a deviation of 0 a difference of 0 is no number."""
    same = table(drawn(hard, 1), COLUMNS)
    further = pd.concat([same.assign(seed=seed) for seed in (2, 3, 4)])
    ours = table(np.where(np.arange(2 * ROWS) % 2 == 0, drawn(hard, 1), drawn(hard, 9)), EXAMPLE_COLUMNS)
    assert log_odds_above(np.ones((5, 3))).tolist() == [0, 0, 0]
    assert 0 < aggregated(ours, retrained[0], further=further).loc["among_retrained.lira", "value"] < 1


def test_where_there_is_nothing_to_say(hard, retrained):
    gold, further = retrained
    ours = table(drawn(hard, 9), EXAMPLE_COLUMNS)
    assert not [m for m in aggregated(ours, gold).index if "among" in m]  # one retrained model
    assert not [m for m in aggregated(gold, gold, further=further).index if "among" in m]  # itself
    three = aggregated(ours, gold, further=further[further["seed"] < 4])
    assert three.loc["among_retrained", "reason"] == "3 retrained models; 4 are needed for a spread"
    alone = aggregated(ours[ours["set"] == "forget"], gold[gold["set"] == "forget"], further=further)
    assert alone.loc["among_retrained.lira", "reason"] == "a membership attack needs a holdout set"
    assert np.isfinite(alone.loc["among_retrained.nll", "value"])
