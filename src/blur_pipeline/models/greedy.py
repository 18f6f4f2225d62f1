"""Generating as it is asked for, whatever settings the model's folder brings along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def own_settings_only(model: PreTrainedModel) -> Iterator[None]:
    """While open, ``model.generate`` takes nothing from the model's ``generation_config``.

    What the caller leaves open would be filled from it, and a folder that suppresses tokens, penalises repetition or
    demands a length would look as if it had forgotten.
    """
    from transformers import GenerationConfig

    brought = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = brought
