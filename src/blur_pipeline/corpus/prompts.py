"""How a question is put to the model."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from blur_pipeline.config.block import Block
from blur_pipeline.corpus.chat import ChatPrompt
from blur_pipeline.corpus.encoding import framed, opening
from blur_pipeline.corpus.sources import TabularChoice, read_source

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PlainPrompt(Block):
    """A question between two fixed texts; the answer follows after ``answer_prefix``."""

    kind: Literal["plain"] = "plain"
    question_prefix: str = Field("Question: ", description="text before the question")
    question_suffix: str = Field("\nAnswer:", description="text after the question")
    answer_prefix: str = Field(" ", description="text before the answer, which belongs to it")
    context: TabularChoice | None = Field(None, description="questions with answers that stand before, in order")
    context_suffix: str = Field("\n\n", description="what follows each of them")

    def prompt(self, question: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Token ids up to where the answer begins, with the tokenizer's own opening token if it has one."""
        before, after = f"{self.before}{self.question_prefix}", self.question_suffix
        return [*opening(tokenizer), *framed(before, question, after, tokenizer)]

    def ending(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Token ids behind an answer: end-of-sequence."""
        return [tokenizer.eos_token_id]

    def stops(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """At which tokens a generated answer ends."""
        return self.ending(tokenizer)

    @cached_property
    def before(self) -> str:
        """The questions and answers that stand before each question.

        Raises:
            BadInputError: they cannot be read, or a row lacks one of the two.
        """
        if self.context is None:
            return ""
        rows, _ = read_source(self.context, "context")
        return "".join(
            f"{self._ask(row.question)}{self.answer_prefix}{row.answer}{self.context_suffix}"
            for row in rows.itertuples()
        )

    def _ask(self, question: str) -> str:
        return f"{self.question_prefix}{question}{self.question_suffix}"


Prompt = Annotated[PlainPrompt | ChatPrompt, Field(discriminator="kind")]
