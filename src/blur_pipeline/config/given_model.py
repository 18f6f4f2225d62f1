"""A model that somebody else made, looked at before work is spent on it."""

from __future__ import annotations

from pathlib import Path

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.models import Given
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.methods.edits.given import require_alike, shapes_of
from blur_pipeline.models.sources import PretrainedModel
from blur_pipeline.models.whole import built, require_causal, require_tokens, require_whole


def require_given_model(parameters: Parameters) -> None:
    """Raises BadInputError where the method in use takes a model from a folder, and that is no whole model, or none
    that can have been made from the target model. Of a fresh base the vocabulary is not known before it is made."""
    edit, base = parameters.unlearning.edit, parameters.models.base
    if edit is None or edit.folder is None:
        return
    if not Path(edit.folder).is_dir():
        key = f"unlearning.methods.{parameters.method}.edit.path"
        raise BadInputError(f"{edit.folder}: no such model folder; mend '{key}'.")
    source = PretrainedModel(path=edit.folder)
    require_causal(source)
    require_whole(source)
    target = parameters.models.target.source() if isinstance(parameters.models.target, Given) else base
    if isinstance(target, PretrainedModel) and Path(target.path).is_dir() and not target.trust_remote_code:
        require_alike(edit.folder, shapes_of(built(source)), shapes_of(built(target)))
    if isinstance(base, PretrainedModel):
        require_tokens(source, base.tokenizer(), base.path)
