"""Nested parameters by their dotted names."""

from __future__ import annotations

from typing import Any


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined by dots: ``{"a": {"b": 1}}`` becomes ``{"a.b": 1}``; empty branches vanish."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


def leaves(tree: dict[str, Any]) -> dict[str, Any]:
    """The same, and a list of blocks by its places: of ``{"a": [{"b": 1}, {"b": 2}]}`` come ``a.0.b`` and ``a.1.b``."""
    return flatten({name: _by_place(value) for name, value in tree.items()})


def _by_place(value: Any) -> Any:
    if isinstance(value, list | tuple) and any(isinstance(part, dict) for part in value):
        value = {str(place): part for place, part in enumerate(value)}
    return {name: _by_place(part) for name, part in value.items()} if isinstance(value, dict) else value
