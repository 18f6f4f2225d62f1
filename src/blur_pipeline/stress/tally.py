"""What attacked models know, state by state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from blur_pipeline.metrics.memorisation import exact_memorisation, extraction_strength, fact_probability
from blur_pipeline.stress.choice import Asked, Attack, Given

if TYPE_CHECKING:
    from torch import nn

STATE = ["attack", "variant", "budget", "seed"]
STRESS_COLUMNS = [
    *STATE,
    *("of", "row_id", "subject"),
    *("extraction_strength", "fact_probability", "probability", "fact_logprob", "exact_memorisation"),
    "passes",
]
"""``of``: ``forget``, ``retain`` (what a changed model keeps) or ``lesson``; ``fact_logprob`` is a sum, in nats;
``passes`` the row's share of what its state cost since the one before it, so that their sum is the cost of an attack:
in passes over the forget questions, of which training on their tokens is three."""


class Tally:
    """Asks one model's states under one attack; ``table`` is what they know, ``STRESS_COLUMNS``."""

    def __init__(self, given: Given, name: str, attack: Attack | None) -> None:
        self.given, self.name, self.attack = given, name, attack
        self.parts: list[pd.DataFrame] = []
        self.tokens = max(1, sum(map(len, given.forget.examples.input_ids)))
        self.spent = 0.0

    def __call__(
        self, model: nn.Module, asked: Asked, variant: str = "", budget: float = 0, of: str = "forget"
    ) -> None:
        """Ask; of a model whose weights were changed, what it keeps too."""
        self._ask(model, asked, variant, budget, of)
        if of == "forget" and (self.attack is None or self.attack.access == "weights"):
            self._ask(model, self.given.retain, variant, budget, "retain")

    def note(self, asked: Asked, values: Sequence[float], variant: str = "", budget: float = 0) -> None:
        """What an attack found by itself stands for every measure."""
        known = np.asarray(values, np.float64)
        with np.errstate(divide="ignore"):
            measured = {"fact_logprob": np.log(known)}
        names = ("extraction_strength", "fact_probability", "probability")
        self._add(asked, variant, budget, "forget", {**dict.fromkeys(names, known), **measured})

    def spend(self, tokens: float) -> None:
        """Books the cost on the state that is asked or noted next."""
        self.spent += tokens

    @property
    def table(self) -> pd.DataFrame:
        """One row a state and question."""
        return pd.concat(self.parts, ignore_index=True) if self.parts else pd.DataFrame(columns=STRESS_COLUMNS)

    def _ask(self, model: nn.Module, asked: Asked, variant: str, budget: float, of: str) -> None:
        from blur_pipeline.scoring.token_scores import score_tokens

        title = f"{self.name} {variant} {budget:g}" if budget else f"{self.name} {variant}".strip()
        scores = score_tokens(model, asked.examples, self.given.tokens_per_batch, title)
        rows = [_of_row(*row) for row in zip(scores["logprob"], scores["correct"], asked.facts, strict=True)]
        self.spend(sum(map(len, asked.examples.input_ids)))
        self._add(asked, variant, budget, of, pd.DataFrame(rows).to_dict("series"))

    def _add(self, asked: Asked, variant: str, budget: float, of: str, measured: dict) -> None:
        state = {"attack": self.name, "variant": variant, "budget": float(budget), "seed": self.given.seed, "of": of}
        found = {name: np.asarray(values, np.float64) for name, values in measured.items()}
        table = asked.table[["row_id", "subject"]].assign(
            **state, **found, passes=self.spent / self.tokens / max(1, len(asked))
        )
        self.spent = 0.0
        self.parts.append(table.reindex(columns=STRESS_COLUMNS).reset_index(drop=True))


def _of_row(logprobs: np.ndarray, correct: np.ndarray, fact: np.ndarray) -> dict[str, float]:
    """By the conventions of ``metrics/examples.py``: what is counted token by token leaves the last one out."""
    logprobs, correct = np.asarray(logprobs, np.float64), np.asarray(correct)
    start, end = map(int, fact)
    return {
        "extraction_strength": extraction_strength(correct[:-1]),
        "fact_probability": fact_probability(logprobs[:-1], start, end),
        "probability": float(np.exp(logprobs.mean())) if len(logprobs) else np.nan,
        "fact_logprob": float(logprobs[start:end].sum()) if start >= 0 else np.nan,
        "exact_memorisation": exact_memorisation(correct[:-1]),
    }
