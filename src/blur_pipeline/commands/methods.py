"""``kedro methods``: every preset in one line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.config.environments import first_comment

if TYPE_CHECKING:
    from blur_pipeline.config.unlearning import Unlearning

FOLDER = "base/parameters/methods"


def says(options: dict[str, Any]) -> str:
    """Name and what it is: the first line of its file, a comment, or its choices where it has no file of its own."""
    from blur_pipeline.commands.configuration import loader_of
    from blur_pipeline.config.parameters import check_parameters

    loader = loader_of(options)
    unlearning = check_parameters(loader["parameters"]).unlearning
    files = Path(loader.conf_source, FOLDER).glob("*.yml")
    said = {file.stem: first_comment(file.read_text()).partition("\n")[0] for file in files}
    width = max(map(len, unlearning.methods))
    rows = [f"{name:<{width}}  {said.get(name) or choices(unlearning, name)}" for name in sorted(unlearning.methods)]
    return "\n".join(
        [
            *rows,
            "",
            f"Without --params method=NAME it is {unlearning.method}. Its choices:",
            f"  kedro explain unlearning.methods.{unlearning.method}",
        ]
    )


def choices(unlearning: Unlearning, name: str) -> str:
    """``npo + router_anchor, nll, scope seuf``: what differs from the plain gradient, sum, all weights and AdamW."""
    from blur_pipeline.methods.recipe import Recipe

    if (edit := unlearning.of(name).edit) is not None:
        return f"an edit, {edit.kind}"
    recipe, plain = unlearning.of(name).recipe, Recipe()
    sides = [" + ".join(loss.kind for loss in side) for side in (recipe.forget, recipe.retain)]
    slots = ("gradient", "weighting", "scope", "optimizer")
    kinds = [(slot, getattr(recipe, slot).kind) for slot in slots]
    return ", ".join([*filter(None, sides), *(f"{s} {k}" for s, k in kinds if k != getattr(plain, s).kind)])
