"""What every scope has in common, and what it may learn of the model and the sets first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from blur_pipeline.methods.choice import Choice, Look

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Opened(NamedTuple):
    """The model with its trainable weights marked, and of some of them, by name, which elements may move."""

    model: Module
    masks: dict[str, Tensor] | None = None
    emptied: bool = False
    """Elements that may not move become zero, once θ₀ is kept."""
    found: dict[str, int] | None = None
    """What it found out that a loss may want to know (``Loss.told``)."""


class ScopeChoice(Choice, ABC):
    """Which weights may move."""

    looks: ClassVar[bool] = False
    """Whether it looks at the sets or at all of the model first; it then needs the whole model on one device."""
    rests: ClassVar[bool] = False
    """Whether single elements of a weight rest while others move."""
    off_is_target: ClassVar[bool] = False
    """Whether θ₀ is the opened model with its adapters switched off."""

    @abstractmethod
    def open(self, model: Module, look: Look | None = None) -> Opened:
        """Before a training; ``look`` where it ``looks``."""

    def close(self, model: Module) -> Module:
        """The model as it is to be saved."""
        return model
