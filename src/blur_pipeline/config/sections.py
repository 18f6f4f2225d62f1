"""Every parameter below a block with its sentence, type, bounds and default, read off the typed parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from blur_pipeline.config.shapes import blocks_of, default_of, kind_of, type_of


@dataclass(frozen=True)
class Parameter:
    """One parameter; ``of`` is the kind of the choice that has it, where there are several: ``npo``."""

    name: str
    of: str
    says: str
    type: str
    default: str


@dataclass(frozen=True)
class Section:
    """A block of parameters: where it first stands, its kind, what it is, and its parameters."""

    name: str
    kind: str
    block: type[BaseModel]
    parameters: list[Parameter]

    @property
    def says(self) -> str:
        """Its documentation, paragraph by paragraph."""
        return inspect.getdoc(self.block) or ""


def sections(block: type[BaseModel], name: str = "") -> list[Section]:
    """``block`` and every block below it, each once, where it first stands."""
    return list(_sections(block, name, set()))


def _sections(block: type[BaseModel], name: str, seen: set[type[BaseModel]]) -> Iterator[Section]:
    if block in seen:
        return
    seen.add(block)
    yield Section(name, kind_of(block), block, parameters_of(block, name))
    for field in _fields(block):
        for between, below in blocks_of(block.model_fields[field].annotation):
            yield from _sections(below, _joined(name, field) + between, seen)


def parameters_of(block: type[BaseModel], name: str = "") -> list[Parameter]:
    """Those of one block, the kind first."""
    return [_parameter(name, block, field) for field in _fields(block)]


@dataclass(frozen=True)
class Found:
    """What stands under a name: one parameter for each kind that has it, and the blocks that it may hold."""

    parameters: list[Parameter]
    blocks: list[type[BaseModel]]


def find(name: str, root: type[BaseModel], raw: Any = None) -> Found:
    """What a dotted name below ``root`` means; where a section says NAME or N stands any name or number.

    ``raw`` are a run's parameters as YAML has them: where these choose a kind, that of the others is left out. Under a
    name of the user's own, such as a method's, there are blocks alone; under an unknown one there is nothing.
    """
    places: list[type[BaseModel]] = [root]
    parameters: list[Parameter] = []
    words, said = name.split("."), []
    while words and places:
        said.append(words.pop(0))
        raw, field = _below(raw, said[-1]), said[-1]
        having = [place for place in places if field in place.model_fields]
        parameters = [_parameter(".".join(said[:-1]), place, field) for place in having]
        held = dict.fromkeys(pair for place in having for pair in blocks_of(place.model_fields[field].annotation))
        if words and any(between for between, _ in held):
            said.append(words.pop(0))
            raw, parameters = _below(raw, said[-1]), []
        blocks = [block for _, block in held]
        places = _chosen(blocks, raw)
    return Found([], []) if words else Found(parameters, blocks)


def beside(name: str, root: type[BaseModel], raw: Any = None) -> list[str]:
    """The last words that would be right where those of ``name`` stand, whether the last one is or not."""
    above, here = name.split(".")[:-1], raw
    for word in above:
        here = _below(here, word)
    blocks = find(".".join(above), root, raw).blocks if above else [root]
    return [field for block in _chosen(blocks, here) for field in _fields(block)]


def _below(raw: Any, word: str) -> Any:
    if isinstance(raw, list):
        return raw[int(word)] if word.isdigit() and int(word) < len(raw) else None
    return raw.get(word) if isinstance(raw, dict) else None


def _chosen(places: list[type[BaseModel]], raw: Any) -> list[type[BaseModel]]:
    kind = raw.get("kind") if isinstance(raw, dict) else None
    return [place for place in places if kind is None or kind_of(place) in ("", kind)]


def _fields(block: type[BaseModel]) -> list[str]:
    """The kind first: it decides which others there are."""
    return sorted(block.model_fields, key=lambda name: name != "kind")


def _parameter(above: str, block: type[BaseModel], name: str) -> Parameter:
    field = block.model_fields[name]
    says = _says(block, name, field)
    return Parameter(_joined(above, name), kind_of(block), says, type_of(field), default_of(field))


def _says(block: type[BaseModel], name: str, field: FieldInfo) -> str:
    """Its own sentence; of a kind that of the choice, of a block the block's."""
    if field.description:
        return field.description
    held = [below for _, below in blocks_of(field.annotation)]
    of = block if name == "kind" else held[0] if len(held) == 1 else None
    return "" if of is None else first_paragraph(of)


def first_paragraph(block: type[BaseModel]) -> str:
    """Of a block's documentation, on one line."""
    return " ".join((inspect.getdoc(block) or "").split("\n\n")[0].split())


def _joined(above: str, name: str) -> str:
    return f"{above}.{name}" if above else name
