"""What every edit has in common, and what it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from blur_pipeline.methods.choice import Choice
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scopes.choice import Look

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Given(NamedTuple):
    """What an edit may take from elsewhere, where it asked for it."""

    trained: Module | None = None
    """θ₀ after ``Edit.training``, adapters merged; or the model of ``Edit.folder``."""
    base: Module | None = None
    """The model that knows none of the sets."""
    look: Callable[[Module], Look] | None = None
    """A look at the sets ``forget`` and ``retain`` with a model, on the device."""


class Edit(Choice, ABC):
    """New weights out of θ₀ at once."""

    needs_base: ClassVar[bool] = False

    def lacks(self) -> str | None:
        """What it must be told before it can be used, in words; None where it is complete."""
        return None

    @property
    def folder(self) -> str | None:
        """Where the model lies that is taken as it is; None where weights are computed here."""
        return None

    def training(self) -> Recipe | None:
        """What is trained first, on the forget set in the place of the retain set, in the schedule of the preset."""
        return None

    @abstractmethod
    def __call__(self, model: Module, given: Given) -> Iterator[tuple[str, Tensor]]:
        """Of each weight that changes its name and its new value, float32; θ₀, on the CPU, is left as it is."""


def weights_of(model: Module) -> dict[str, Tensor]:
    """By name; one that has several, as where head and embeddings are tied, under each."""
    return dict(model.named_parameters(remove_duplicate=False))
