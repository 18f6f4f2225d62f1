"""A question through the chat template that a tokenizer carries, the same on every day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from blur_pipeline.config.block import Block
from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.corpus.encoding import framed, spells_control

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RESERVED = frozenset(
    "add_generation_prompt chat_template continue_final_message conversation date_string documents max_length messages "
    "padding pinned_date return_assistant_tokens_mask return_dict return_tensors sanitize_control_tokens strftime_now "
    "tokenize tokenizer_kwargs tools truncation".split()
)
"""What transformers or this prompt sets itself."""
ArgumentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
ArgumentValue = bool | int | float | Annotated[str, Field(max_length=1000)] | None


NOT_PINNED = "the template asked for today's date"
PINNED_CLOCK = "{% macro strftime_now(format) %}{{ pinned_date }}{% endmacro %}\n"
NO_CLOCK = f'{{% macro strftime_now(format) %}}{{{{ raise_exception("{NOT_PINNED}") }}}}{{% endmacro %}}\n'
"""Written before a template, in place of transformers' ``strftime_now``; the end of the line is not written."""
PLACE = "\ue000"
"""Stands for a text in a template; no tokenizer's words, and no white space that a template would take away."""


class ChatPrompt(Block):
    """The chat template that the tokenizer carries, with what it leaves open pinned."""

    kind: Literal["chat"] = "chat"
    system: str | None = Field(None, description="the system prompt; default: what the template writes without one")
    date: str | None = Field(
        None, min_length=1, max_length=40, description="in place of today's date, as the template is to write it"
    )
    template_arguments: dict[ArgumentName, ArgumentValue] = Field(
        default_factory=dict, max_length=16, description="further names that the template reads"
    )
    answer_prefix: str = Field("", description="text before the answer, which belongs to it")

    @field_validator("template_arguments")
    @classmethod
    def _free(cls, value: dict[str, object]) -> dict[str, object]:
        if taken := sorted(RESERVED & value.keys()):
            raise ValueError(f"'{taken[0]}' is set by other means (the date by 'date')")
        return value

    def prompt(self, question: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Token ids up to where the assistant's answer begins.

        Raises:
            BadInputError: the tokenizer has no chat template, the template refuses, or it would write today's date,
                which changes every prompt and so every score from one day to the next.
        """
        if tokenizer.chat_template is None:
            raise BadInputError(
                "curation.prompt.kind is 'chat', but this model's tokenizer has no chat template; use kind 'plain'."
            )
        if spells_control(question, tokenizer):
            before, _, after = self._written(tokenizer, PLACE).partition(PLACE)
            return framed(before, question, after, tokenizer)
        return tokenizer(self._written(tokenizer, question), add_special_tokens=False)["input_ids"]

    def ending(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Token ids behind an answer: how the template ends the assistant's turn, and end-of-sequence.

        Where end-of-sequence is what ends a turn (Llama-3, ChatML) it stands alone: what a template writes behind it,
        such as a line's end, belongs to the next turn. So it does where a template ends turns in white space alone, or
        writes no answers.
        """
        _, found, behind = self._written(tokenizer, "?", PLACE).rpartition(PLACE)
        turn, _, _ = behind.partition(tokenizer.eos_token) if found else ("", "", "")
        said = tokenizer(turn, add_special_tokens=False)["input_ids"] if turn.strip() else []
        return [*said, tokenizer.eos_token_id]

    def stops(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """At which tokens a generated answer ends: end-of-sequence, and what ends a turn where that is one token."""
        first = self.ending(tokenizer)[0]
        of_turn = [first] if first in tokenizer.added_tokens_decoder else []
        return list(dict.fromkeys([tokenizer.eos_token_id, *of_turn]))

    def _written(self, tokenizer: PreTrainedTokenizerBase, question: str, answer: str | None = None) -> str:
        turns = [{"role": "user", "content": question}]
        if self.system is not None:
            turns.insert(0, {"role": "system", "content": self.system})
        if answer is not None:
            turns.append({"role": "assistant", "content": answer})
        # A template that reads no date_string asks strftime_now: it is told the same.
        date = {} if self.date is None else {"date_string": self.date, "pinned_date": self.date}
        clock = NO_CLOCK if self.date is None else PINNED_CLOCK
        try:
            return tokenizer.apply_chat_template(
                turns,
                chat_template=clock + tokenizer.get_chat_template(),
                tokenize=False,
                add_generation_prompt=answer is None,
                **date,
                **self.template_arguments,
            )
        except Exception as error:  # a template is foreign code and may raise anything
            if NOT_PINNED in str(error):
                raise BadInputError(
                    "This model's chat template writes today's date into every prompt, so that scores would change by "
                    "the day; pin one as curation.prompt.date, such as '10 Apr 2025'."
                ) from error
            said = first_line(error)[:200]
            system = "" if self.system is None else ", leave out curation.prompt.system if it knows no system role,"
            raise BadInputError(
                f"This model's chat template cannot write a prompt ({type(error).__name__}: {said}); mend the template "
                f"in the tokenizer's folder{system} or use kind 'plain'."
            ) from error
