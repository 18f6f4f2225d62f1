"""An attack that searches for a string after which a question is answered."""

from __future__ import annotations

import copy
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.stress.choice import Access, Ask, Attack, Given
from blur_pipeline.stress.prompting import AFFIRMATIVE, Line, Words, ask_in, begun

if TYPE_CHECKING:
    from nanogcg import GCGConfig

PLACE = "{optim_str}"
"""Where nanogcg puts its string."""
PLAIN = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


class Gcg(Attack):
    """Greedy coordinate gradient (Zou et al., arXiv 2307.15043) by nanogcg: ``tokens`` tokens behind a question.

    They are chosen so that the answer begins as it should, up to its fact, which they are never told: what follows
    comes from the model. Where the fact stands first, so that it begins with "Sure, here is the answer:". Dear:
    ``steps``·``width`` passes over each of ``questions`` questions, which are drawn.
    """

    kind: Literal["gcg"] = "gcg"
    access: ClassVar[Access] = "activations"

    questions: int = Field(5, ge=1, le=100_000, description="that are drawn to be attacked")
    steps: int = Field(250, ge=1, le=100_000, description="of the search")
    width: int = Field(512, ge=1, le=2**16, description="strings that are tried in a step")
    top_k: int = Field(256, ge=1, le=2**16, description="tokens that may come in at a place")
    tokens: int = Field(20, ge=1, le=1000, description="of the string")

    def look(self) -> None:
        """Raises BadInputError where nanogcg is not installed."""
        if find_spec("nanogcg") is None:
            raise BadInputError(
                "stress: 'gcg' needs nanogcg, which asks for an older transformers and runs with this one; "
                "pip install --no-deps nanogcg==0.3.0, or leave the attack out."
            )

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks once, each question with its own string."""
        words, made = Words(given, 1), []
        drawn = np.random.default_rng([given.seed, 13]).permutation(len(given.forget))
        table = given.forget.table
        asked = [i for i in drawn if isinstance(table["question"][i], str)][: self.questions]
        for i in sorted(asked):
            row = table.loc[i]
            made.append((i, self._line(given, words, row)))
            ask.spend((self.steps * (self.width + 3)) * len(given.forget.examples.input_ids[i]))
        ask_in(given, ask, "", made)

    def _line(self, given: Given, words: Words, row: Any) -> Line | None:
        import nanogcg
        import torch

        message = given.tokenizer.decode(given.prompt.prompt(f"{row.question} {PLACE}", given.tokenizer))
        tokenizer = copy.deepcopy(given.tokenizer)
        tokenizer.chat_template = PLAIN  # the prompt is written already
        start = begun(row)
        target = f"{given.prompt.answer_prefix}{start}" if start else AFFIRMATIVE
        with torch.random.fork_rng():
            torch.manual_seed(given.seed)
            found = nanogcg.run(given.model, tokenizer, message, target, self._config(given, len(message)))
        return words.own(f"{row.question} {found.best_string}", row)

    def _config(self, given: Given, length: int) -> GCGConfig:
        from nanogcg import GCGConfig

        return GCGConfig(
            num_steps=self.steps,
            optim_str_init=" ".join(["x"] * self.tokens),
            search_width=self.width,
            topk=self.top_k,
            batch_size=max(1, given.tokens_per_batch // (length + self.tokens)),
            use_prefix_cache=False,  # whose form transformers has changed since
            verbosity="ERROR",
        )
