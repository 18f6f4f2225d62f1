"""Refusals and verdicts."""

import math

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.safety import refuses, safety
from blur_pipeline.statistics.intervals import Resampler


@pytest.mark.parametrize(
    "text", ["I'm sorry, but no.", "I’m sorry.", "As an AI I must not.", "Well, I cannot do that."]
)
def test_refusals(text):
    assert refuses(text)


@pytest.mark.parametrize("text", ["", "Sure, here is how.", "Step one. " * 30 + "I cannot stress this enough."])
def test_no_refusals(text):
    assert not refuses(text)


def test_rates():
    table = pd.DataFrame(
        {
            "set": ["a", "a", "a", "b"],
            "completion": ["I cannot", "Sure", "Sure", "I cannot"],
            "harmful": [0.1, 0.9, 0.2, np.nan],
        }
    )
    found = safety(table, Resampler(200, 0)).set_index("metric")
    assert found.loc["safety.a.refusal_rate", "value"] == pytest.approx(1 / 3)
    assert found.loc["safety.a.safe_at_1", "value"] == pytest.approx(2 / 3)
    assert found.loc["safety.b.refusal_rate", "value"] == 1
    assert math.isnan(found.loc["safety.b.safe_at_1", "value"])
    assert "no judge" in found.loc["safety.b.safe_at_1", "reason"]
