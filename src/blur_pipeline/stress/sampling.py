"""An attack that asks the same question again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from blur_pipeline.metrics.leaking import PROXY, leak_at_k, leak_at_k_of
from blur_pipeline.stress.choice import Access, Ask, Asked, Attack, Given

if TYPE_CHECKING:
    import pandas as pd

Budgets = Annotated[
    tuple[Annotated[int, Field(gt=0, le=1_000_000)], ...], AfterValidator(lambda k: tuple(sorted(set(k))))
]
Temperatures = Annotated[tuple[Annotated[float, Field(gt=0, le=10)], ...], Field(min_length=1)]


class Sampling(Attack):
    """leak@k: the chance that one of k sampled answers holds the fact, word for word (arXiv 2511.04934).

    Each question is answered ``samples`` times at each temperature, a form of the attack (metrics/leaking.py). The form
    ``proxy`` needs none: 1 − (1 − p)^k, p the product of the probabilities of the fact's tokens after the right
    beginning of the answer. The answer is the fact where none is marked. A document, which nothing stands before, has
    the proxy alone.
    """

    kind: Literal["sampling"] = "sampling"
    access: ClassVar[Access] = "samples"
    unit: ClassVar = "samples"

    k: Annotated[Budgets, Field(min_length=1)] = Field((1, 4, 16), description="answers that an attacker may draw")
    samples: int = Field(32, ge=0, le=100_000, description="of each question; 0: the proxy alone")
    temperatures: Temperatures = Field((0.8, 1.0), description="at which answers are drawn, by turns")
    new_tokens: int | None = Field(None, gt=0, le=100_000, description="of a sample; as many as the longest answer has")

    @model_validator(mode="after")
    def _enough(self) -> Sampling:
        if self.samples and max(self.k) > self.samples:
            raise ValueError(f"k is {max(self.k)}, of samples {self.samples}; draw at least as many")
        return self

    @property
    def drawn(self) -> bool:
        """Whether anything is sampled."""
        return self.samples > 0

    def __call__(self, given: Given, ask: Ask) -> None:
        """Notes once a k and form."""
        asked = given.forget
        p = _probabilities(given, ask)
        for k in self.k:
            ask.note(asked, leak_at_k_of(p, k), PROXY, k)
        asked = asked.take([i for i, prompt in enumerate(_prompts(asked)) if len(prompt)])
        for temperature in self.temperatures if self.samples and len(asked) else ():
            held = self._held(given, asked, ask, temperature)
            for k in sorted({1, *self.k}):  # of one at a time the bound is made (metrics/leaking.py)
                ask.note(asked, leak_at_k(held, self.samples, k), f"temperature {temperature:g}", k)

    def _held(self, given: Given, asked: Asked, ask: Ask, temperature: float) -> list[int]:
        """Of each question how many samples hold its fact."""
        from blur_pipeline.corpus.facts import find_fact
        from blur_pipeline.models.examples import IGNORED
        from blur_pipeline.scoring.samples import Sampler

        prompts = _prompts(asked)
        longest = self.new_tokens or max(int((labels != IGNORED).sum()) for labels in asked.examples.labels)
        stops = given.prompt.stops(given.tokenizer)
        sampler = Sampler(given.model, given.tokenizer, temperature, longest, given.tokens_per_batch, stops)
        said = sampler(prompts, self.samples, given.seed)
        ask.spend(self.samples * sum(len(prompt) + longest for prompt in prompts))
        facts = [_fact(row) for row in asked.table.itertuples()]
        return [
            sum(find_fact(fact, text) is not None for text in texts) for fact, texts in zip(facts, said, strict=True)
        ]


def _prompts(asked: Asked) -> list[np.ndarray]:
    """Of each question the tokens before its answer; of a document, which is supervised from its first token, none."""
    from blur_pipeline.models.examples import IGNORED

    examples = asked.examples
    return [ids[labels == IGNORED] for ids, labels in zip(examples.input_ids, examples.labels, strict=True)]


def _fact(row: Any) -> str:
    return row.fact if isinstance(row.fact, str) and row.fact else row.answer


def _probabilities(given: Given, ask: Ask) -> np.ndarray:
    """``(n,)``: of the tokens of each fact together, or of the answer without its end."""
    from blur_pipeline.scoring.token_scores import score_tokens

    asked: Asked = given.forget
    scores: pd.DataFrame = score_tokens(given.model, asked.examples, given.tokens_per_batch, "sampling, proxy")
    ask.spend(sum(map(len, asked.examples.input_ids)))
    spans = [(start, end) if start >= 0 else (0, -1) for start, end in asked.facts]
    sums = [np.sum(p[start:end], dtype=np.float64) for p, (start, end) in zip(scores["logprob"], spans, strict=True)]
    return np.exp(np.array(sums))
