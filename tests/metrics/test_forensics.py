"""What a model tells of an unlearning is measured by what a retrained one tells."""

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.forensics import forensic_metrics
from blur_pipeline.metrics.membership import ATTACKS
from blur_pipeline.statistics.intervals import METRIC_COLUMNS, Resampler

RESAMPLER = Resampler(200, 0)
OWN = [name for name in ATTACKS if name != "reference"]


def examples(forget: float, holdout: float, seed: int) -> pd.DataFrame:
    """Twelve people a side with one question each; the attacks see what the probability says."""
    draw, parts = np.random.default_rng(seed), []
    for name, mean in (("forget", forget), ("holdout", holdout)):
        p = np.clip(mean + draw.uniform(-0.1, 0.1, 12), 0.01, 0.99)
        part = pd.DataFrame({"set": name, "row_id": range(12), "subject": range(12), "probability": p})
        part["fact_probability"] = np.where(part["row_id"] < 10, p, np.nan)
        parts.append(part.assign(**{f"attack_{attack}": -np.log(p) for attack in OWN}))
    return pd.concat(parts, ignore_index=True)


def found(unlearned, retrained, reason="") -> pd.DataFrame:
    table = forensic_metrics(unlearned, retrained, reason, RESAMPLER)
    assert list(table.columns) == METRIC_COLUMNS
    return table.set_index("metric")


def test_a_retrained_model_leaves_no_trace():
    retrained = examples(0.5, 0.5, 1)
    table = found(retrained, retrained)
    gaps = table[table.index.str.contains("gap")]
    assert len(gaps) == len(OWN) + 2
    assert gaps[["value", "low", "high"]].to_numpy() == pytest.approx(0)
    for measure in ("probability", "fact_probability"):
        by = f"forensics.ranked_by_{measure}"
        assert table.loc[by, "value"] == table.loc[f"{by}.retrained", "value"]


def test_what_was_forgotten_too_much_is_a_trace_as_well():
    """Each forget answer is less probable than any of the holdout: an AUC of 1. The retrained model's is about ½."""
    table, retrained = found(examples(0.2, 0.6, 0), examples(0.5, 0.5, 1)), examples(0.5, 0.5, 1)
    sides = [retrained.loc[retrained["set"] == name, "probability"].to_numpy() for name in ("forget", "holdout")]
    goal = np.mean(sides[1][None] > sides[0][:, None])
    assert table.loc["forensics.ranked_by_probability", "value"] == 1.0
    assert table.loc["forensics.ranked_by_probability.retrained", "value"] == pytest.approx(goal)
    assert table.loc["forensics.ranked_by_probability.gap", "value"] == pytest.approx(1 - goal)
    assert table.loc["forensics.ranked_by_fact_probability", "n"] == 20  # two a side have no fact
    assert table.loc["forensics.membership_gap.loss", "value"] == pytest.approx(1 - goal)  # as the loss ranks
    assert table.loc["forensics.membership_gap.loss", "low"] > 0.2
    assert "forensics.membership_gap.reference" not in table.index


def test_the_retrained_model_is_ranked_on_the_same_rows_whatever_their_order():
    """And on none where its scores know of no fact on one of the two sides."""
    ours, theirs = examples(0.2, 0.6, 0), examples(0.5, 0.5, 1)
    whole, turned = found(ours, theirs), found(ours, theirs.iloc[::-1])
    for gap in ("forensics.ranked_by_probability.gap", "forensics.membership_gap.loss"):
        assert turned.loc[gap].tolist() == whole.loc[gap].tolist()
    facts = theirs.copy()
    facts.loc[facts["row_id"] == 0, "fact_probability"] = np.nan
    assert found(ours, facts).loc["forensics.ranked_by_fact_probability", "n"] == 18
    facts.loc[facts["set"] == "holdout", "fact_probability"] = np.nan
    rows = found(ours, facts).filter(like="ranked_by_fact", axis=0)
    reason = "the retrained model has no fact probability on both sides"
    assert rows["reason"].to_dict() == {"forensics.ranked_by_fact_probability": reason}


def test_what_is_still_known_is_one_from_the_other_side():
    table = found(examples(0.8, 0.5, 0), examples(0.5, 0.5, 1))
    assert table.loc["forensics.ranked_by_probability", "value"] == 0.0
    assert table.loc["forensics.membership_gap.min_k", "value"] > 0.3


def test_the_interval_of_a_gap_that_is_none_holds_0():
    """Two models that are alike but for noise, forty worlds; resampled sizes of a difference are never 0."""
    held = 0
    for world in range(40):
        rng = np.random.default_rng([7, world])
        shared = examples(0.5, 0.5, world)
        ours, theirs = (shared.assign(attack_loss=shared["attack_loss"] + rng.normal(0, 0.1, 24)) for _ in range(2))
        row = found(ours, theirs).loc["forensics.membership_gap.loss"]
        held += row["low"] <= 0
        assert row["low"] <= row["value"] <= row["high"]
    assert held / 40 >= 0.85


def test_two_models_whose_every_pair_is_in_order_need_not_be_alike():
    """Both AUCs are 1, each with an interval of some width; 0 [0, 0] would say that they cannot differ."""
    row = found(examples(0.2, 0.6, 0), examples(0.2, 0.6, 1)).loc["forensics.membership_gap.loss"]
    assert row["value"] == row["low"] == 0
    assert row["high"] > 0.1


def test_what_cannot_be_told_has_its_reason():
    model = examples(0.5, 0.5, 1)
    assert found(model, model.iloc[:0], "given as scores alone")["reason"].to_dict() == {
        "forensics": "given as scores alone"
    }
    alone = model[model["set"] == "forget"]
    assert "needs a holdout set" in found(alone, alone).loc["forensics", "reason"]
    without = model.assign(fact_probability=np.nan, attack_gradient_norm=np.nan)
    table = found(without, model)
    assert table.loc["forensics.ranked_by_fact_probability", "reason"] == "no fact is marked on both sides"
    assert table.loc["forensics.membership_gap.gradient_norm", "reason"] == "gradient norms were not asked for"
    assert forensic_metrics(model.iloc[:0], model, "", RESAMPLER).empty
