"""AUCs of a model beside those of the retrained one: of the same rows, so that their noise is shared."""

import math

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.attacks import membership_rows
from blur_pipeline.metrics.membership import ATTACKS
from blur_pipeline.statistics.intervals import Resampler

OWN = [name for name in ATTACKS if name != "reference"]
PEOPLE = 20
EVEN = np.linspace(0, 1, PEOPLE)
AGREED = "no interval: resampled subjects all give this value"


def model(forget: np.ndarray, holdout: np.ndarray) -> pd.DataFrame:
    """One row a person, whom every attack scores alike."""
    sets = np.repeat(["forget", "holdout"], [len(forget), len(holdout)])
    scores = np.concatenate([forget, holdout])
    rows = [f"r{i}" for i in range(len(scores))]
    frame = pd.DataFrame({"set": sets, "row_id": rows, "subject": rows})
    return frame.assign(**{f"attack_{name}": scores for name in OWN})


def found(ours: pd.DataFrame, retrained: pd.DataFrame, published: float | None = None) -> pd.DataFrame:
    return pd.DataFrame(membership_rows(ours, retrained, "", published, Resampler(400, 0))).set_index("metric")


def ends(table: pd.DataFrame, metric: str) -> tuple[float, float]:
    return tuple(table.loc[metric, ["low", "high"]])


def test_a_model_that_is_almost_the_retrained_one_is_close_to_it_in_both_measures():
    """PrivLeak's interval was that of this model's AUC alone, ±30 and more, as if the rows were not the same."""
    rng = np.random.default_rng(0)
    theirs = rng.normal(size=(2, PEOPLE))
    table = found(model(*(theirs + rng.normal(0, 0.01, (2, PEOPLE)))), model(*theirs))
    for metric in ("privacy_leakage", "membership.min_k.relative_difference"):
        low, high = ends(table, metric)
        assert low <= 0 <= high
        assert high - low < 20


def test_the_retrained_model_beside_itself_is_off_by_nothing_however_far_its_auc_lies():
    for forget in (EVEN, EVEN - 2):
        table = found(model(forget, EVEN), model(forget, EVEN))
        assert ends(table, "membership.loss.relative_difference") == (0, 0)
        assert ends(table, "membership.reference") == (0.5, 0.5)
        assert set(table["reason"]) <= {"", "the retrained model's A is 0: nothing can be divided by it"}
    assert ends(found(model(EVEN, EVEN), model(EVEN, EVEN)), "privacy_leakage") == (0, 0)


def test_two_areas_of_1_may_be_as_far_apart_as_their_own_intervals_reach():
    ours, theirs = model(EVEN - 2, EVEN), model(EVEN - 3, EVEN)
    table = found(ours, theirs)
    reach = table.loc["membership.loss", "low"]
    assert 0.8 < reach < 0.95
    assert ends(table, "membership.loss.relative_difference") == pytest.approx(
        (100 * (reach - 1), 100 * (1 / reach - 1))
    )


def test_an_area_of_1_beside_one_of_a_half_is_as_wide_as_either_makes_it():
    """All is in order: A = 0 and −100, which no resample leaves; by its own interval A may be 1 − the low end."""
    table = found(model(EVEN - 2, EVEN), model(EVEN, EVEN))
    low, high = ends(table, "privacy_leakage")
    assert low == pytest.approx(-100)
    assert high == pytest.approx(100 * ((1 - table.loc["membership.min_k", "low"]) / 0.5 - 1))
    published = found(model(EVEN - 2, EVEN), pd.DataFrame(), published=0.5)
    assert ends(published, "privacy_leakage") == pytest.approx((low, high))


def test_scores_that_are_all_the_same_tell_nothing_of_their_own_noise():
    table = found(model(np.ones(PEOPLE), np.ones(PEOPLE)), model(EVEN, EVEN))
    row = table.loc["membership.loss"]
    assert (row["value"], row["reason"]) == (0.5, AGREED)
    assert math.isnan(row["low"])
    both = found(model(np.ones(PEOPLE), np.ones(PEOPLE)), model(np.zeros(PEOPLE), np.zeros(PEOPLE)))
    assert both.loc["membership.loss.relative_difference", "reason"] == AGREED


def test_the_order_of_the_retrained_model_s_rows_has_no_part_in_it():
    rng = np.random.default_rng(1)
    ours, theirs = (model(*rng.normal(size=(2, PEOPLE))) for _ in range(2))
    turned = theirs.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(found(ours, turned), found(ours, theirs))


def test_a_retrained_model_that_was_asked_other_rows_is_not_compared_with():
    ours = model(EVEN, EVEN)
    table = found(ours, model(EVEN, EVEN).iloc[1:])
    why = "the retrained model was asked other rows of the forget set or the holdout"
    assert table.loc[["membership.reference", "privacy_leakage"], "reason"].tolist() == [why, why]
    assert table.loc["membership.loss", "value"] == 0.5
    assert not table.index.str.endswith("relative_difference").any()
