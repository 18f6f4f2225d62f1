"""Dotted names."""

from blur_pipeline.config.flat import flatten, leaves


def test_flatten_joins_keys():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "d": [2]}


def test_leaves_name_the_blocks_of_a_list_by_their_place():
    losses = [{"kind": "npo", "betas": (0.1, 0.2)}, {"kind": "rmu", "parts": [{"layer": 3}]}]
    assert leaves({"forget": losses, "seeds": [0, 1], "kind": "x"}) == {
        "forget.0.kind": "npo",
        "forget.0.betas": (0.1, 0.2),
        "forget.1.kind": "rmu",
        "forget.1.parts.0.layer": 3,
        "seeds": [0, 1],
        "kind": "x",
    }
