"""The page of a model's folder: what it is, how it is asked, and where stands whether it forgot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.report.pages import template

if TYPE_CHECKING:
    from blur_pipeline.corpus.prompts import Prompt
    from blur_pipeline.models.sources import ModelSource


def model_card(made: dict[str, Any], began_as: ModelSource, prompt: Prompt) -> str:
    """Markdown, with what the hub reads in front.

    ``made``: ``benchmark``, ``method``, ``seed``, ``rows`` to forget. No day and
    no outcome: it is written with the weights, before they are measured, and the same weights have the same page.
    """
    path = getattr(began_as, "path", None)
    at_hub = path if path is not None and not Path(path).exists() else None
    page = template("model_card.md.jinja").render(
        **made,
        base_model=at_hub and json.dumps(at_hub),
        began_as=_named(path, getattr(began_as, "revision", None) if at_hub else None),
        question=_question(prompt),
        template=_template_settings(prompt),
    )
    return f"{page}\n"


def _named(path: str | None, revision: str | None) -> str:
    """A folder by its name alone: where it lies on one machine says nothing on another."""
    if path is None:
        return "a small Llama that was trained here"
    name = Path(path).name if Path(path).exists() else path
    return f"{name} at {revision}" if revision else name


def _question(prompt: Prompt) -> str | None:
    if prompt.kind != "plain":
        return None
    return f"{prompt.before}{prompt.question_prefix}THE QUESTION{prompt.question_suffix}"


def _template_settings(prompt: Prompt) -> dict[str, str]:
    """What the chat template is given beside the question."""
    if prompt.kind == "plain":
        return {}
    said = {"system prompt": prompt.system, "date": prompt.date, **prompt.template_arguments}
    return {name: str(value) for name, value in said.items() if value is not None}
