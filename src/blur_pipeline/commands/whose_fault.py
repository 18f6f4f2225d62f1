"""Whether a cell of a campaign failed through its setting, which counts as tried, or through something that passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blur_pipeline.commands.last_door import causes
from blur_pipeline.commands.runs import forget_what_was_seen, parameters_and_group
from blur_pipeline.config.errors import BadInputError, PassingError

LOOKED_AT = ("raw_rows", "raw_questions", "raw_further", "base_model")
"""For their sake the door looks at all files and all models."""


def of_the_setting(error: BaseException, options: dict[str, Any], shared: dict[str, Any]) -> bool:
    """Whether the run with ``options`` would fail so again, and one of what all methods share (``shared``) would not.

    What a node refuses is the setting's own fault. What is refused before any node has begun, such as a preset whose
    layers this model does not have, only where the door refuses it once more and lets the others in: a file of conf/
    that is half saved, a folder that cannot be written, a source that is gone would cost the whole budget.
    """
    from blur_pipeline.training.scalars import NonFiniteError

    parts = causes(error)
    if any(isinstance(part, PassingError) or hasattr(part, "damaged_artefact") for part in parts):
        return False
    if any(isinstance(part, NonFiniteError) for part in parts):
        return True
    said = [str(part) for part in parts if isinstance(part, BadInputError)]
    if not said or any(hasattr(part, "of_node") for part in parts):
        return bool(said)
    return refused(options) in said and refused(shared) is None


def refused(options: dict[str, Any]) -> str | None:
    """What the door says to a run with these options; None where it lets it in."""
    from blur_pipeline.config.door import preflight

    forget_what_was_seen()
    try:
        _, parameters, _ = parameters_and_group(options)
        preflight(parameters, Path("data"), LOOKED_AT)
    except BadInputError as error:
        return str(error)
    return None
