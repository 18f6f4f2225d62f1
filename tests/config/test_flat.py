"""Dotted names."""

from blur_pipeline.config.flat import flatten


def test_flatten_joins_keys():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "d": [2]}
