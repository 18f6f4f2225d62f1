"""All weights, or those of some names or layers."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.scopes.choice import Look, Opened, ScopeChoice

if TYPE_CHECKING:
    from torch.nn import Module

IN_LAYER = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)\.(.+)$")
"""Of a weight's full name: its decoder layer, and its name there."""


class AllWeights(ScopeChoice):
    """Every weight of the model."""

    kind: Literal["all"] = "all"

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model with every parameter trainable."""
        return Opened(model.requires_grad_(True))


class Modules(ScopeChoice):
    """The parameters whose full name matches one of the shell patterns, such as ``*.layers.[567].mlp.*``."""

    kind: Literal["modules"] = "modules"
    patterns: list[str] = Field(min_length=1, description="shell patterns of the parameters' full names")

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model with only the matching parameters trainable.

        Raises:
            ValueError: a pattern matches no parameter.
        """
        names = [name for name, _ in model.named_parameters()]
        for pattern in self.patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ValueError(
                    f"scope.patterns: '{pattern}' matches no weight of this model; its weights are named like "
                    f"'{names[len(names) // 2]}'."
                )
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(any(fnmatchcase(name, pattern) for pattern in self.patterns))
        return Opened(model)


class Layers(ScopeChoice):
    """The decoder layers ``first`` to ``last``, both included, or some modules of theirs.

    ``{first: 5, last: 7, modules: ["mlp.down_proj.*"]}`` is what RMU moves in the published runs.
    """

    kind: Literal["layers"] = "layers"
    first: int = Field(0, ge=0, description="counted from 0")
    last: int | None = Field(None, ge=0, description="default: the model's last layer")
    modules: list[str] = Field(["*"], min_length=1, description="shell patterns of names within a layer")

    @model_validator(mode="after")
    def _upwards(self) -> Layers:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"the last layer is {self.last}, below the first one, {self.first}")
        return self

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model with only these weights trainable.

        Raises:
            BadInputError: there is no such layer, or a pattern matches nothing in any of them.
        """
        inside = {name: match for name, _ in model.named_parameters() if (match := IN_LAYER.search(name))}
        depth = 1 + max((int(match[1]) for match in inside.values()), default=-1)
        last = depth - 1 if self.last is None else self.last
        if max(self.first, last) >= depth:
            raise BadInputError(f"scope.last is {last}, but this model has layers 0 to {depth - 1}; give one of them.")
        chosen = {name: match[2] for name, match in inside.items() if self.first <= int(match[1]) <= last}
        for pattern in self.modules:
            if not any(fnmatchcase(short, pattern) for short in chosen.values()):
                there = list(chosen.values())
                raise BadInputError(
                    f"scope.modules: '{pattern}' matches nothing in these layers; their weights are named like "
                    f"'{there[len(there) // 2]}'."
                )
        for name, parameter in model.named_parameters():
            short = chosen.get(name)
            parameter.requires_grad_(short is not None and any(fnmatchcase(short, p) for p in self.modules))
        return Opened(model)
