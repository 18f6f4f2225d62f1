"""TOFU's metrics against values derived by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.examples import example_metrics
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
    assert forget_quality(ratios, ratios) == (0.0, 1.0)
    assert forget_quality(ratios, ratios + 5)[0] == 1.0
    assert forget_quality(ratios, ratios + 5)[1] < 1e-20


def test_rouge_stems():
    assert rouge(["cats running"], ["the cat runs"])["rouge"] == pytest.approx([1.0])
    assert rouge(["something"], [""])["rouge"] == pytest.approx([0.0])
