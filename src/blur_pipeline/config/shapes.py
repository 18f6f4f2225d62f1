"""What a typed parameter takes, in words: its type, its bounds, its default, and the blocks that it may hold."""

from __future__ import annotations

import math
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

PLAIN = {bool: "true or false", int: "whole number", float: "number", str: "text", type(None): "null", Any: "anything"}
BOUNDS = {Gt: ("gt", "above"), Ge: ("ge", "at least"), Lt: ("lt", "below"), Le: ("le", "at most")}
REQUIRED = "required"


def type_of(field: FieldInfo) -> str:
    """``whole number, above 0, at most 1000, or null``."""
    return _words(field.annotation, field.metadata)


def default_of(field: FieldInfo) -> str:
    """As it would stand in YAML; of a block what differs from the defaults of its own."""
    if field.is_required():
        return REQUIRED
    return in_yaml(field.get_default(call_default_factory=True))


def in_yaml(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, BaseModel):
        kind = {"kind": value.kind} if "kind" in type(value).model_fields else {}
        return in_yaml(kind | value.model_dump(exclude_defaults=True))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {in_yaml(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(in_yaml, value)) + "]"
    if isinstance(value, str):
        return repr(value) if value != value.strip() or "\n" in value or not value else value
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def blocks_of(annotation: Any) -> list[tuple[str, type[BaseModel]]]:
    """The blocks that a parameter may hold, each with what stands between its name and theirs: ``.NAME``, ``.N``."""
    annotation, _ = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [("", annotation)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType, tuple):  # one loss may stand without a list
        return [block for part in arguments for block in blocks_of(part)]
    if origin in (dict, list):
        between = ".NAME" if origin is dict else ".N"
        return [(between + rest, block) for rest, block in blocks_of(arguments[-1])]
    return []


def kind_of(block: type[BaseModel]) -> str:
    """The value of ``kind`` that chooses this block; empty for a block that is the only one."""
    field = block.model_fields.get("kind")
    values = get_args(field.annotation) if field is not None else ()
    return str(values[0]) if len(values) == 1 else ""


def _bare(annotation: Any) -> tuple[Any, list[Any]]:
    """Without ``Annotated``, and the bounds that stood there."""
    bounds: list[Any] = []
    while get_origin(annotation) is Annotated:
        annotation, *beside = get_args(annotation)
        for part in beside:
            bounds += part.metadata if isinstance(part, FieldInfo) else [part]
    return annotation, bounds


def _words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    annotation, bounds = _bare(annotation)
    limits = _limits([*bounds, *metadata])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        null = ", or null" if type(None) in arguments else ""
        parts = dict.fromkeys(_words(part) for part in arguments if part is not type(None))
        return ", or ".join(_grouped(list(parts))) + limits + null
    return _word(annotation, origin, arguments) + limits


def _grouped(parts: list[str]) -> list[str]:
    """Several blocks are one choice."""
    kinds = [part.removeprefix("block, kind ") for part in parts if part.startswith("block, kind ")]
    rest = [part for part in parts if not part.startswith("block, kind ")]
    return ([f"block, kind {' | '.join(kinds)}"] if kinds else []) + rest


def _word(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin is dict:
        return f"names with values: {_words(arguments[1])}"
    if origin is list or (origin is tuple and arguments[-1] is Ellipsis):
        return f"list of: {_words(arguments[0])}"
    if origin is tuple:
        return f"list of {len(arguments)}: {_words(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = kind_of(annotation)
        return f"block, kind {kind}" if kind else "block"
    return PLAIN[annotation]


def _limits(metadata: list[Any]) -> str:
    said = []
    for part in metadata:
        for kind, (attribute, word) in BOUNDS.items():
            if isinstance(part, kind):
                said.append(f"{word} {_number(getattr(part, attribute))}")
        if isinstance(part, MinLen) and part.min_length:
            said.append(f"at least {part.min_length} long")
        if isinstance(part, MaxLen):
            said.append(f"at most {part.max_length} long")
        if pattern := getattr(part, "pattern", None):
            said.append(f"like {pattern}")
    return "".join(f", {part}" for part in said)


def _number(value: float) -> str:
    if value > 4096 and (power := math.log2(value)).is_integer():
        return f"2^{power:.0f}"
    return f"{value:,}".replace(",", " ") if value >= 10_000 else f"{value:g}"
