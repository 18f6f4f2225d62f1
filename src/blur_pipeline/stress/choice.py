"""What every attack has in common, and what it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from blur_pipeline.methods.choice import Choice

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch
    from torch import nn

    from blur_pipeline.models.examples import Examples
    from blur_pipeline.training.engine import Engine

Access = Literal["weights", "activations", "prompts", "samples"]
"""What an attacker needs: to change weights, to change what runs inside, to ask, or to ask often."""
BEFORE = "none"
"""The name under which a model is asked before anything was done to it."""


@dataclass(frozen=True)
class Asked:
    """n questions as a model reads them: their answers are supervised.

    ``places`` are of each its number among the forget questions, by which an attack tells what it has learnt from.
    """

    table: pd.DataFrame
    """``row_id, subject, question, answer, paraphrased_question, fact``."""
    examples: Examples
    facts: np.ndarray
    """``(n, 2)`` int: which supervised tokens ``[start, end)`` hold the fact; −1 where none is marked."""
    places: np.ndarray
    """``(n,)`` int."""

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: Sequence[int]) -> Asked:
        """These rows alone."""
        rows = list(rows)
        table = self.table.iloc[rows].reset_index(drop=True)
        return Asked(table, self.examples.take(rows), self.facts[rows], self.places[rows])

    def told(self, examples: Examples, facts: np.ndarray) -> Asked:
        """The same questions in other words."""
        return replace(self, examples=examples, facts=facts)


class Ask(Protocol):
    """Scores a model in one state: after ``budget`` of the attack's units, of the attack's form ``variant``."""

    name: str
    """What the attack is called."""

    def __call__(
        self, model: nn.Module, asked: Asked, variant: str = "", budget: float = 0, of: str = "forget"
    ) -> None:
        """``of``: what the questions are: ``forget``, or ``lesson``, what the attack taught."""

    def note(self, asked: Asked, values: Sequence[float], variant: str = "", budget: float = 0) -> None:
        """What the attack found by itself: of each question how much is known, from 0 to 1."""

    def spend(self, tokens: float) -> None:
        """The attack has run so many tokens through a model beside the questions that it asks; one that was learnt
        from counts three times, for the way back."""


@dataclass(frozen=True)
class Given:
    """One model, and what an attacker has beside it. All of them are left as they are: an attack changes a copy."""

    model: nn.Module
    forget: Asked
    """What is attacked; of a control it is the holdout."""
    retain: Asked
    others: Asked | None
    """Questions that have nothing to do with either; None where the run has none."""
    base: Callable[[], nn.Module]
    target: Callable[[], nn.Module]
    retrained: Callable[[], nn.Module | None]
    tokenizer: Any
    prompt: Any
    """How a question is put (corpus/prompts.py)."""
    device: torch.device
    seed: int
    engine: Engine
    tokens_per_batch: int


class Attack(Choice, ABC):
    """A frozen set of budgets; a call turns a model into attacked models or other prompts, and asks each of them."""

    access: ClassVar[Access]
    unit: ClassVar[str] = ""
    """Of the budget: ``steps``, ``bits``."""
    drawn: ClassVar[bool] = True
    """Whether its outcome hangs on a seed."""
    depth: ClassVar[int] = 1
    """Decoder layers that a model needs for it to mean something."""
    beside: ClassVar[tuple[Literal["base", "target", "retrained"], ...]] = ()
    """Which of the other models it looks at: its outcome is another one with others."""
    files: ClassVar[tuple[str, ...]] = ()
    """Fields that name a file, which counts by its content."""

    @property
    def shows(self) -> bool:
        """Whether it learns the very answers that it asks for."""
        return False

    def look(self) -> None:
        """Raises BadInputError where something that it needs beside the models is not there or cannot be used."""

    @abstractmethod
    def __call__(self, given: Given, ask: Ask) -> None:
        """Attack ``given.model``."""
