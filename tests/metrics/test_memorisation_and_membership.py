"""Memorisation, membership and fluency against values derived by hand."""

import math
import zlib

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics import membership
from blur_pipeline.metrics.examples import EXAMPLE_COLUMNS, example_metrics
from blur_pipeline.metrics.memorisation import exact_memorisation, extraction_strength
from blur_pipeline.metrics.text import cut_answer, distinct_words, rouge, rouge_l_f1
from tests.metrics.measuring import aggregated


@pytest.mark.parametrize(
    ("correct", "em", "es"),
    [
        ([1, 0, 1, 1], 3 / 4, 1 / 2),  # after a prefix of two all is right
        ([1, 1, 1], 1, 1),
        ([0, 0, 0], 0, 1 / 3),  # k is n − 1 at most
        ([1, 1, 0], 2 / 3, 1 / 3),
        ([0, 1, 1, 1], 3 / 4, 3 / 4),
        ([1], 1, 1),
        ([0], 0, 1),  # n − 1 = 0
    ],
)
def test_memorisation(correct, em, es):
    assert exact_memorisation(np.array(correct)) == pytest.approx(em)
    assert extraction_strength(np.array(correct)) == pytest.approx(es)


def test_memorisation_of_nothing():
    assert math.isnan(exact_memorisation(np.array([])))
    assert extraction_strength(np.array([])) == 0.0


def test_attack_scores():
    logprobs = np.array([-1.0, -4.0, -2.0])
    assert membership.loss(logprobs) == pytest.approx(7 / 3)
    assert membership.min_k(logprobs) == 4.0  # int(0.4 · 3) = 1 token
    assert membership.min_k(np.array([-1.0, -4.0, -2.0, -3.0, -5.0])) == 4.5  # two tokens
    assert membership.min_k(np.array([-0.5])) == 0.5  # at least one
    # (−1 + 3)/1, (−4 + 3)/2 and (−2 + 3)/1e-3 (a variance below the clamp): the lowest is −½
    found = membership.min_k_plus_plus(logprobs, np.array([-3.0, -3, -3]), np.array([1.0, 4, 0]))
    assert found == pytest.approx(0.5)
    assert membership.zlib_ratio(2.0, "abcabc") == pytest.approx(2 / len(zlib.compress(b"abcabc")))
    assert math.isnan(membership.loss(np.array([])))
    assert math.isnan(membership.min_k(np.array([])))


def test_privacy_leakage_and_relative_difference():
    assert membership.privacy_leakage(0.9, 0.5) == pytest.approx(-80)
    assert membership.privacy_leakage(0.5, 0.5) == 0
    assert membership.relative_difference(0.9, 0.5) == pytest.approx(80)


def test_text_measures():
    found = rouge(["the cat sat"], ["the cat"])
    assert found["rouge"] == pytest.approx([2 / 3])
    assert found["rouge_l_f1"] == pytest.approx([0.8])
    assert rouge(["the cat sat"], ["cat the"])["rouge_1"] == pytest.approx([2 / 3])  # order does not matter
    assert rouge(["the cat sat"], ["cat the"])["rouge"] == pytest.approx([1 / 3])
    assert rouge([], [])["rouge"].shape == (0,)
    assert rouge_l_f1(["cats running"], ["cat runs"]) == pytest.approx([0.0])  # no stemmer
    assert cut_answer("Paris.\n\nQuestion: and?") == "Paris."
    assert cut_answer(" Paris Question: next") == "Paris"
    assert distinct_words("a b a b a b") == pytest.approx(2 / 3)
    assert math.isnan(distinct_words("a b c"))


def row_of(set_name, row_id, logprob, ends=True) -> dict:
    n = len(logprob)
    return {
        "set": set_name,
        "row_id": row_id,
        "variant": "answer",
        "text": "some text",
        "ends": ends,
        "token": np.arange(n),
        "logprob": np.asarray(logprob, np.float64),
        "mean": np.full(n, -2.0),
        "variance": np.ones(n),
        "correct": np.asarray(logprob) > -1,
    }


NO_ANSWERS = pd.DataFrame(columns=["set", "row_id", "answer", "completion"])


def test_what_counts_token_by_token_leaves_out_the_last_and_losses_count_it():
    """Losses of 3, ½ and an end of sequence of 9: the mean of all is 12.5/3; the lowest before the last is −3."""
    scores = pd.DataFrame([row_of("forget", "a", [-3.0, -0.5, -9.0]), row_of("forget", "b", [-3.0])])
    found = example_metrics([scores], NO_ANSWERS).set_index("row_id")
    assert found.loc["a", "exact_memorisation"] == 0.5
    assert found.loc["a", "attack_min_k"] == 3
    assert found.loc["a", "nll"] == found.loc["a", "attack_loss"] == pytest.approx(12.5 / 3)
    assert math.isnan(found.loc["b", "attack_min_k"])  # nothing is left of one token
    assert found.loc["b", "attack_loss"] == 3
    assert list(found.reset_index().columns.sort_values()) == sorted(EXAMPLE_COLUMNS)


def members(forget: list[float], holdout: list[float]) -> pd.DataFrame:
    """Examples of two tokens with these losses."""
    rows = [row_of("forget", f"f{i}", [-x, -x], ends=False) for i, x in enumerate(forget)]
    rows += [row_of("holdout", f"h{i}", [-x, -x], ends=False) for i, x in enumerate(holdout)]
    return example_metrics([pd.DataFrame(rows)], NO_ANSWERS)


def test_attacks_as_aggregates():
    ours = members([0.1, 0.2, 2.5], [2.0, 3.0])  # 5 of 6 pairs in order
    retrained = members([2.0, 2.1, 2.2], [2.0, 3.0])  # 3.5 of 6
    table = aggregated(ours, retrained)
    assert table.loc["membership.loss", "value"] == pytest.approx(5 / 6)
    assert table.loc["membership.min_k", "value"] == pytest.approx(5 / 6)
    assert table.loc["membership.loss.relative_difference", "value"] == pytest.approx(100 * (5 / 3.5 - 1))
    expected = 100 * ((1 - 5 / 6) - (1 - 3.5 / 6)) / (1 - 3.5 / 6)
    assert table.loc["privacy_leakage", "value"] == pytest.approx(expected)
    assert table.loc["privacy_leakage", "n"] == 5
    # ours − retrained: −1.9, −1.9, 0.3 against 0, 0: four of six in order
    assert table.loc["membership.reference", "value"] == pytest.approx(4 / 6)
    assert table.loc["membership.loss", "reason"] == "no interval from 2 subjects, 8 are needed"
    assert math.isnan(table.loc["membership.loss", "low"])
    assert table.loc["privacy_leakage", "n"] == 5
    assert table.loc["membership.gradient_norm", "reason"] == "gradient norms were not asked for"


def test_attacks_without_a_retrained_model_or_a_holdout():
    ours = members([0.1, 0.2], [2.0, 3.0])
    table = aggregated(ours, reason="none was trained")
    assert table.loc["membership.loss", "value"] == 1.0
    assert table.loc["membership.reference", "reason"] == "none was trained"
    assert table.loc["privacy_leakage", "reason"] == "none was trained"
    table = aggregated(ours, reason="none was trained", published_auc=1 - 0.4772)
    assert table.loc["privacy_leakage", "value"] == pytest.approx(-100)
    assert table.loc["privacy_leakage", "n"] == 4  # examples, not samples of the bootstrap
    alone = aggregated(ours.query("set == 'forget'"))
    assert alone.loc["membership.loss", "reason"] == "a membership attack needs a holdout set"


def test_only_knowmem_s_answers_are_cut_at_a_blank_line():
    """The continuation has five of the five words; cut at the blank line it would have three: F1 of 2·3/(3 + 5)."""
    rows = [row_of("verbmem", "a", [-1.0]), row_of("knowmem_forget", "b", [-1.0])]
    text = "the cat sat\n\nand slept"
    answers = pd.DataFrame([("verbmem", "a", text, text), ("knowmem_forget", "b", text, text)])
    answers.columns = ["set", "row_id", "answer", "completion"]
    table = aggregated(example_metrics([pd.DataFrame(rows)], answers))
    assert table.loc["verbmem", "value"] == pytest.approx(100)
    assert table.loc["knowmem.forget", "value"] == pytest.approx(75)


def test_muse_sets_have_one_metric_each():
    scores = pd.DataFrame([row_of("verbmem", "a", [-1.0]), row_of("knowmem_retain", "b", [-1.0])])
    answers = pd.DataFrame(
        [("verbmem", "a", "the cat sat", "the cat"), ("knowmem_retain", "b", "Paris", "Paris\n\nQuestion: what else")],
        columns=["set", "row_id", "answer", "completion"],
    )
    table = aggregated(example_metrics([scores], answers))
    assert table.loc["verbmem", "value"] == pytest.approx(80)
    assert table.loc["knowmem.retain", "value"] == pytest.approx(100)
    assert "verbmem.rouge" not in table.index
