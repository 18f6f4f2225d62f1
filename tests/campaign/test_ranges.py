"""Ranges: what they hold, where a share of the way leads, and what they refuse."""

import pytest
from pydantic import ValidationError

from blur_pipeline.config.ranges import Range


@pytest.mark.parametrize(
    ("given", "share", "value"),
    [
        ({"low": 1e-5, "high": 1e-3, "log": True}, 0.5, 1e-4),
        ({"low": 0.0, "high": 2.0}, 0.25, 0.5),
        ({"low": 1, "high": 4}, 0.0, 1),
        ({"low": 1, "high": 4}, 0.999, 4),
        ({"low": 1, "high": 100, "log": True}, 0.5, 10),
        ({"choices": ["a", True, 3]}, 0.34, True),
        ({"low": 0.0, "high": 1.0}, 1 / 3, 0.333),  # three digits
        ({"low": 0.33334, "high": 1.0}, 0.0, 0.33334),  # but within the ends
    ],
)
def test_a_share_of_the_way_is_a_value(given, share, value):
    found = Range(**given).at(share)
    assert found == value
    assert type(found) is type(value)
    assert Range(**given).holds(found)


def test_whole_numbers_are_equally_likely():
    values = [Range(low=1, high=4).at((i + 0.5) / 400) for i in range(400)]
    assert [values.count(n) for n in (1, 2, 3, 4)] == [100] * 4


def test_around_a_value_is_from_its_part_to_its_multiple():
    assert Range(around=4).of(1e-5) == Range(low=2.5e-6, high=4e-5, log=True)
    assert Range(around=2).of(10) == Range(low=5, high=20, log=True)
    assert Range(around=4).of(1) == Range(low=1, high=4, log=True)
    given = Range(low=1, high=3)
    assert given.of(None) is given
    for own in (None, 0.0, -1.0, True, "x"):
        with pytest.raises(ValueError, match="no positive number to be around"):
            Range(around=4).of(own)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "one of these alone"),
        ({"low": 1.0}, "one of these alone"),
        ({"low": 1.0, "high": 2.0, "around": 4}, "one of these alone"),
        ({"low": 2.0, "high": 2.0}, "must be below"),
        ({"low": 0.0, "high": 2.0, "log": True}, "low above 0"),
        ({"choices": []}, "at least 1"),
        ({"choices": [1, 1]}, "stands twice"),
        ({"around": 1.0}, "greater than 1"),
        ({"low": float("nan"), "high": 1.0}, "finite"),
    ],
)
def test_what_is_no_range_is_refused(given, words):
    with pytest.raises(ValidationError, match=words):
        Range(**given)


def test_a_whole_number_and_its_float_are_told_apart_where_it_matters():
    assert Range(low=1, high=4).holds(2.0)
    assert not Range(low=1, high=4).holds(2.5)
    assert not Range(choices=[1, 2]).holds(True)
    assert not Range(low=0.0, high=1.0).holds(True)
