"""TOFU's metrics against values derived by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.aggregate import aggregate
from blur_pipeline.metrics.examples import EXAMPLE_COLUMNS, example_metrics
from blur_pipeline.metrics.text import rouge
from blur_pipeline.metrics.tofu import forget_quality, harmonic_mean, tofu_metrics


def scores(rows) -> pd.DataFrame:
    """``(set, row, variant, token probabilities)`` as token scores."""
    made = []
    for s, r, v, p in rows:
        logprob = np.log(np.asarray(p, np.float64))
        zeros = np.zeros_like(logprob)
        rest = {"text": "x", "ends": False, "mean": zeros, "variance": zeros + 1, "correct": zeros > 1}
        made.append({"set": s, "row_id": r, "variant": v, "logprob": logprob, **rest})
    return pd.DataFrame(made)


def completions(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["set", "row_id", "answer", "completion"])


def test_an_example_of_the_forget_set():
    table = scores(
        [
            ("forget", "a", "answer", [0.5, 0.5]),
            ("forget", "a", "paraphrase", [0.25]),
            ("forget", "a", "perturbed_0", [0.5]),
            ("forget", "a", "perturbed_1", [0.125, 0.125]),
        ]
    )
    row = example_metrics([table], completions([("forget", "a", "the cat sat", "the cat")])).iloc[0]
    assert row["probability"] == pytest.approx(0.5)
    assert row["rouge"] == pytest.approx(2 / 3)
    # Losses are averaged before exp: the geometric mean of ½ and ⅛ is ¼, over ¼.
    assert row["truth_ratio"] == pytest.approx(0.25 / 0.25)
    assert row["truth_score"] == pytest.approx(1.0)


def test_option_sets_compare_with_the_wrong_options():
    table = scores(
        [
            ("world_facts", "a", "answer", [0.5]),
            ("world_facts", "a", "perturbed_0", [0.25]),
            ("world_facts", "a", "perturbed_1", [0.25]),
        ]
    )
    row = example_metrics([table], completions([("world_facts", "a", "Paris", "London")])).iloc[0]
    assert row["probability"] == pytest.approx(0.5 / 1.0)
    assert row["truth_ratio"] == pytest.approx(0.25 / 0.5)
    assert row["truth_score"] == pytest.approx(0.5)
    assert row["rouge"] == 0.0


def test_rows_without_variants_have_no_truth_ratio():
    table = scores([("retain", "a", "answer", [0.5])])
    row = example_metrics([table], completions([("retain", "a", "x", "x")])).iloc[0]
    assert math.isnan(row["truth_ratio"])
    assert math.isnan(row["truth_score"])
    assert row["probability"] == pytest.approx(0.5)


def test_rows_whose_wrong_answers_differ_in_number():
    table = scores(
        [
            ("forget", "a", "answer", [0.5]),
            ("forget", "a", "paraphrase", [0.5]),
            ("forget", "a", "perturbed_0", [0.25]),
            ("forget", "b", "answer", [0.5]),
            ("forget", "b", "paraphrase", [0.5]),
            ("forget", "b", "perturbed_0", [0.25]),
            ("forget", "b", "perturbed_1", [0.0625]),
        ]
    )
    found = example_metrics([table], completions([("forget", r, "x", "x") for r in "ab"]))
    assert found["truth_ratio"].tolist() == pytest.approx([0.5, 0.25])


def test_truth_scores():
    """Right ½ and wrong ¼, then the other way round: truth ratios of ½ and 2."""
    table = scores(
        [
            (name, row, variant, [p])
            for name in ("forget", "retain")
            for row, right, wrong in (("a", 0.5, 0.25), ("b", 0.25, 0.5))
            for variant, p in (("answer", 0.9), ("paraphrase", right), ("perturbed_0", wrong))
        ]
    )
    found = tofu_metrics(table)
    assert found["truth_score"].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.0])
    assert found["truth_closer_to_1"].tolist() == pytest.approx([0.5, 0.5] * 2)
    assert found["truth_true_better"].tolist() == pytest.approx([0.5, 0.0] * 2)
    assert found["truth_probability"].tolist() == pytest.approx([2 / 3, 1 / 3] * 2)


def test_harmonic_mean():
    assert harmonic_mean(np.array([1.0, 0.5])) == pytest.approx(2 / 3)
    assert harmonic_mean(np.array([1.0, 0.0])) == 0.0
    assert math.isnan(harmonic_mean(np.array([1.0, math.nan])))


def test_forget_quality_is_one_for_the_same_and_small_for_disjoint_samples():
    ratios = np.linspace(0.1, 0.9, 40)
    assert forget_quality(ratios, ratios) == 1.0
    assert forget_quality(ratios, ratios + 5) < 1e-20


def test_rouge_stems():
    assert rouge(["cats running"], ["the cat runs"])["rouge"] == pytest.approx([1.0])
    assert rouge(["something"], [""])["rouge"] == pytest.approx([0.0])


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
    table = aggregate(examples, examples, "", samples=500, seed=0).set_index("metric")
    nine = []
    for name in ("retain", "real_authors", "world_facts"):
        part = examples[examples["set"] == name]
        nine += [part["probability"].mean(), part["rouge"].mean(), part["truth_score"].mean()]
        assert table.loc[f"{name}.rouge", "value"] == pytest.approx(part["rouge"].mean())
    assert table.loc["model_utility", "value"] == pytest.approx(9 / sum(1 / x for x in nine))
    assert table.loc["forget_quality", "value"] == 1.0
    measured = table.drop(index="forget_quality")  # a resampled p-value lies below the test's own
    measured = measured[~measured.index.str.startswith(("membership", "privacy"))]  # there is no holdout set
    assert (measured["reason"] == "").all()
    assert (measured["low"] <= measured["value"]).all()
    assert (measured["value"] <= measured["high"]).all()


def test_an_interval_covers_what_the_normal_approximation_says():
    examples = full_examples()
    row = aggregate(examples, examples, "", samples=4000, seed=1).set_index("metric").loc["forget.rouge"]
    values = examples.loc[examples["set"] == "forget", "rouge"]
    half = 1.96 * values.std(ddof=0) / math.sqrt(len(values))
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half, rel=0.1)


def test_what_cannot_be_had_is_absent_with_its_reason():
    examples = full_examples().query("set != 'world_facts'")
    examples.loc[examples["set"] == "retain", "truth_score"] = np.nan
    table = aggregate(examples, examples.head(0), "none was trained", 200, 0).set_index("metric")
    assert table.loc["forget_quality", "reason"] == "none was trained"
    assert math.isnan(table.loc["forget_quality", "value"])
    assert "retain.truth_ratio" in table.loc["model_utility", "reason"]
    assert "world_facts.probability" in table.loc["model_utility", "reason"]
    assert table.loc["retain.truth_ratio", "reason"]
