"""A question through the chat template that a tokenizer carries, the same on every day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from blur_pipeline.config.errors import BadInputError

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


class ChatPrompt(BaseModel):
    """The chat template that the tokenizer carries, with what it leaves open pinned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
        turns = [{"role": "user", "content": question}]
        if self.system is not None:
            turns.insert(0, {"role": "system", "content": self.system})
        return tokenizer(self._written(turns, tokenizer), add_special_tokens=False)["input_ids"]

    def _written(self, turns: list[dict[str, str]], tokenizer: PreTrainedTokenizerBase) -> str:
        # A template that reads no date_string asks strftime_now: it is told the same.
        date = {} if self.date is None else {"date_string": self.date, "pinned_date": self.date}
        clock = NO_CLOCK if self.date is None else PINNED_CLOCK
        try:
            return tokenizer.apply_chat_template(
                turns,
                chat_template=clock + tokenizer.get_chat_template(),
                tokenize=False,
                add_generation_prompt=True,
                **date,
                **self.template_arguments,
            )
        except Exception as error:  # a template is foreign code and may raise anything
            if NOT_PINNED in str(error):
                raise BadInputError(
                    "This model's chat template writes today's date into every prompt, so that scores would change by "
                    "the day; pin one as curation.prompt.date, such as '10 Apr 2025'."
                ) from error
            said = (str(error).strip().splitlines() or [""])[0][:200]
            system = "" if self.system is None else ", leave out curation.prompt.system if it knows no system role,"
            raise BadInputError(
                f"This model's chat template cannot write a prompt ({type(error).__name__}: {said}); mend the template "
                f"in the tokenizer's folder{system} or use kind 'plain'."
            ) from error
