"""Every metric that a run may have is explained, stands under a heading, and says which way is better."""

import pytest

from blur_pipeline.metrics.aggregate import FURTHER_MEANS, MEANS, MUSE_SETS
from blur_pipeline.metrics.membership import ATTACKS
from blur_pipeline.report import definitions
from blur_pipeline.report.definitions import ARROWS, FORGOTTEN, HELD_OUT, KEPT, SECTIONS, definition, section
from blur_pipeline.report.residual import MEAN, RESIDUAL
from blur_pipeline.report.tables import HEADLINES, MAIN

SETS = ("forget", "retain", "real_authors", "world_facts", "holdout", "evaluation.jokes")
DIFFERENCES = [f"difference.nll{part}" for part in ("", ".wilcoxon", ".equivalence", ".power")]
ALL = [
    *(f"{name}.{mean}" for name in SETS for mean in (*MEANS, *FURTHER_MEANS)),
    *(f"membership.{attack}{part}" for attack in ATTACKS for part in ("", ".relative_difference")),
    *(*HEADLINES, *MAIN, *MUSE_SETS.values(), *DIFFERENCES, RESIDUAL, MEAN, "stress.relearn.excess"),
    *("forget_quality.d", "forget_quality.power", "distance", "utility_kept"),
    *("general.mmlu.acc", "safety.toxic.refusal_rate", "among_retrained.nll", "among_retrained.nll.p"),
    *(
        "forensics.membership_gap.loss",
        *(f"forensics.ranked_by_probability{part}" for part in ("", ".retrained", ".gap")),
    ),
]


@pytest.mark.parametrize("metric", ALL)
def test_a_metric_is_explained(metric):
    found = definition(metric)
    assert found is not None
    assert len(found.text) > 10
    assert found.better in (*ARROWS, "")
    assert section(metric) in SECTIONS


def test_which_way_is_better_hangs_on_the_set():
    assert definition("forget.probability").better == definitions.NEVER_KNEW
    assert definition("retain.probability").better == definitions.HIGHER
    assert definition("holdout.probability").better == definitions.AS_BEFORE
    assert definition("general.wmdp_bio.acc").better == definitions.CHANCE
    heads = [section(f"{name}.rouge") for name in SETS]
    assert heads == [FORGOTTEN, KEPT, KEPT, KEPT, HELD_OUT, KEPT]


def test_nothing_is_said_of_what_nobody_knows():
    assert definition("made_up") is None
    assert definitions.of_column("settings") is None


def test_heads_of_a_table_are_metrics_in_other_words():
    for title in ("utility kept", "model utility", "forget.probability", "residual knowledge"):
        assert definitions.of_column(title) is not None, title


def test_a_glossary_explains_each_measure_once():
    found = dict(definitions.glossary(["forget.rouge", "retain.rouge", "forget.truth_ratio", "model_utility"]))
    assert list(found) == ["SET.rouge", "forget.truth_ratio", "model_utility"]
    assert found["SET.rouge"].better == ""
